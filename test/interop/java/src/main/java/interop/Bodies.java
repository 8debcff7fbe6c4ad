package interop;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** What Java's decoders make of bodies: routes, batches, properties, stored messages. Refusals are null or an exception. */
final class Bodies {
    private Bodies() {
    }

    static Object route(byte[] bytes) throws Exception {
        return bean(RemotingSerializable.decode(bytes, routeClass()));
    }

    /** The items of a batch. */
    static Object batch(byte[] bytes) throws Exception {
        List<Json> items = new ArrayList<>();
        for (Message message : MessageDecoder.decodeMessages(ByteBuffer.wrap(bytes))) {
            items.add(body(Json.object().put("flag", message.getFlag()), message.getBody()).put("properties", message.getProperties()));
        }
        return items;
    }

    static Object properties(byte[] bytes) {
        return MessageDecoder.string2messageProperties(new String(bytes, StandardCharsets.UTF_8));
    }

    /** One stored message, its body as it is. 64-bit numbers become text, which keeps all digits. */
    static Object record(byte[] bytes) {
        MessageExt message = MessageDecoder.decode(ByteBuffer.wrap(bytes), true, false);
        if (message == null) {
            return null;
        }
        Json json = Json.object()
            .put("topic", message.getTopic())
            .put("queueId", message.getQueueId())
            .put("flag", message.getFlag())
            .put("queueOffset", String.valueOf(message.getQueueOffset()))
            .put("commitLogOffset", String.valueOf(message.getCommitLogOffset()))
            .put("storeSize", message.getStoreSize())
            .put("storedCRC", message.getBodyCRC())
            .put("sysFlag", message.getSysFlag())
            .put("bornTimestamp", String.valueOf(message.getBornTimestamp()))
            .put("bornHost", host(message.getBornHost()))
            .put("storeTimestamp", String.valueOf(message.getStoreTimestamp()))
            .put("storeHost", host(message.getStoreHost()))
            .put("reconsumeTimes", message.getReconsumeTimes())
            .put("preparedTransactionOffset", String.valueOf(message.getPreparedTransactionOffset()))
            .put("msgId", message.getMsgId())
            .put("properties", message.getProperties());
        return body(json, message.getBody());
    }

    static Json body(Json json, byte[] body) {
        if (body != null) {
            CRC32 crc = new CRC32();
            crc.update(body);
            json.put("bodyLength", body.length).put("bodyCRC", crc.getValue() & 0x7fffffff);
        }
        return json;
    }

    private static String host(SocketAddress address) {
        InetSocketAddress internet = (InetSocketAddress) address;
        return internet.getAddress().getHostAddress() + " " + internet.getPort();
    }

    private static Class<?> routeClass() throws ClassNotFoundException {
        try {
            return Class.forName("org.apache.rocketmq.remoting.protocol.route.TopicRouteData");
        } catch (ClassNotFoundException e) {
            return Class.forName("org.apache.rocketmq.common.protocol.route.TopicRouteData");
        }
    }

    /** Its fields, deep; other kinds of objects than beans, lists and maps as they are. */
    private static Object bean(Object value) throws IllegalAccessException {
        if (value instanceof List) {
            List<Object> items = new ArrayList<>();
            for (Object item : (List<?>) value) {
                items.add(bean(item));
            }
            return items;
        }
        if (value instanceof Map) {
            Map<String, Object> entries = new TreeMap<>();
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                entries.put(String.valueOf(entry.getKey()), bean(entry.getValue()));
            }
            return entries;
        }
        if (value == null || !value.getClass().getName().startsWith("org.apache.rocketmq")) {
            return value;
        }
        Json json = Json.object();
        for (Class<?> c = value.getClass(); c != Object.class; c = c.getSuperclass()) {
            for (Field field : c.getDeclaredFields()) {
                if ((field.getModifiers() & (Modifier.STATIC | Modifier.FINAL)) == 0) {
                    field.setAccessible(true);
                    json.put(field.getName(), bean(field.get(value)));
                }
            }
        }
        return json;
    }
}
