package interop;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/**
 * What RocketMQ's own decoders make of bytes. Standard input holds records, {@code length:int32 kind:int8 bytes}; each is answered by one line.
 *
 * <pre>
 *   kind 0  a connection's bytes: cut as NettyDecoder does, each frame decoded, up to the first that is refused
 *   kind 1  the JSON of a route
 *   kind 2  the body of a batch
 *   kind 3  message properties
 *   kind 4  a stored message
 * </pre>
 */
public final class Decoder {
    /** NettyDecoder's default. */
    private static final int FRAME_MAX_LENGTH = 16_777_216;
    private static final Method DECODE = decodeMethod();
    private static final Method PARSE_SEND = parseSendMethod();

    private Decoder() {
    }

    public static void main(String[] argv) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        Json.object().put("ready", true).print();
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException e) {
                return;
            }
            byte kind = in.readByte();
            byte[] bytes = new byte[length];
            in.readFully(bytes);
            (kind == 0 ? frames(bytes) : body(kind, bytes)).print();
        }
    }

    private static Json body(int kind, byte[] bytes) {
        Json answer = Json.object();
        try {
            Object value = kind == 1 ? Bodies.route(bytes)
                : kind == 2 ? Bodies.batch(bytes)
                : kind == 3 ? Bodies.properties(bytes)
                : Bodies.record(bytes);
            return value == null ? answer.put("refused", "null") : answer.put("value", value);
        } catch (Exception | OutOfMemoryError e) {
            // a length that lies is allocated first
            return refused(answer, e);
        }
    }

    /** The frame decoder of NettyDecoder without a channel. */
    private static final class Frames extends LengthFieldBasedFrameDecoder {
        Frames() {
            super(FRAME_MAX_LENGTH, 0, 4, 0, 4);
        }

        ByteBuf next(ByteBuf in) throws Exception {
            return (ByteBuf) decode(null, in);
        }
    }

    private static Json frames(byte[] bytes) {
        ByteBuf in = Unpooled.directBuffer(Math.max(1, bytes.length)).writeBytes(bytes);
        List<Json> commands = new ArrayList<>();
        Json answer = Json.object().put("commands", commands);
        Frames frames = new Frames();
        try {
            while (true) {
                ByteBuf frame = frames.next(in);
                if (frame == null) {
                    break;
                }
                try {
                    Object argument = DECODE.getParameterTypes()[0] == ByteBuf.class ? frame : frame.nioBuffer();
                    commands.add(describe((RemotingCommand) DECODE.invoke(null, argument)));
                } finally {
                    frame.release();
                }
            }
            answer.put("left", in.readableBytes());
        } catch (InvocationTargetException e) {
            refused(answer, e.getCause());
        } catch (Exception e) {
            refused(answer, e);
        } finally {
            in.release();
        }
        return answer;
    }

    private static Json refused(Json answer, Throwable cause) {
        return answer.put("refused", cause.getClass().getSimpleName()).put("reason", String.valueOf(cause.getMessage()));
    }

    private static Json describe(RemotingCommand command) {
        Json json = Json.object()
            .put("code", command.getCode())
            .put("language", command.getLanguage() == null ? null : command.getLanguage().name())
            .put("version", command.getVersion())
            .put("opaque", command.getOpaque())
            .put("flag", command.getFlag())
            .put("remark", command.getRemark())
            .put("extFields", fields(command.getExtFields()))
            .put("type", command.getSerializeTypeCurrentRPC().name());
        Bodies.body(json, command.getBody());
        if (PARSE_SEND != null && (command.getCode() == 10 || command.getCode() == 310 || command.getCode() == 320)) {
            json.put("send", send(command));
        }
        return json;
    }

    /** Pairs, because a name may be null. */
    private static List<List<String>> fields(Map<String, String> map) {
        if (map == null) {
            return null;
        }
        List<List<String>> pairs = new ArrayList<>();
        // what fastjson put there need not be a text
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) map).entrySet()) {
            pairs.add(Arrays.asList(text(entry.getKey()), text(entry.getValue())));
        }
        return pairs;
    }

    private static String text(Object value) {
        return value == null ? null : value.toString();
    }

    private static Json send(RemotingCommand command) {
        Json json = Json.object();
        try {
            Object header = PARSE_SEND.invoke(null, command);
            if (header == null) {
                return json.put("none", true);
            }
            for (Class<?> c = header.getClass(); c != Object.class; c = c.getSuperclass()) {
                for (Field field : c.getDeclaredFields()) {
                    if (!Modifier.isStatic(field.getModifiers())) {
                        field.setAccessible(true);
                        json.put(field.getName(), field.get(header));
                    }
                }
            }
            return json;
        } catch (InvocationTargetException e) {
            return refused(Json.object(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Takes a ByteBuf since 4.9, a ByteBuffer before. */
    private static Method decodeMethod() {
        try {
            return RemotingCommand.class.getMethod("decode", ByteBuf.class);
        } catch (NoSuchMethodException e) {
            try {
                return RemotingCommand.class.getMethod("decode", ByteBuffer.class);
            } catch (NoSuchMethodException none) {
                throw new IllegalStateException(none);
            }
        }
    }

    /** Null in 4.7, where it is part of the broker. */
    private static Method parseSendMethod() {
        for (String folder : new String[] {"remoting", "common"}) {
            try {
                Class<?> header = Class.forName("org.apache.rocketmq." + folder + ".protocol.header.SendMessageRequestHeader");
                return header.getMethod("parseRequestHeader", RemotingCommand.class);
            } catch (ReflectiveOperationException e) {
                continue;
            }
        }
        return null;
    }
}
