import java.lang.reflect.Constructor;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.store.DefaultMessageStore;
import org.apache.rocketmq.store.GetMessageResult;
import org.apache.rocketmq.store.MessageArrivingListener;
import org.apache.rocketmq.store.QueryMessageResult;
import org.apache.rocketmq.store.config.FlushDiskType;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * Opens a store with the real DefaultMessageStore, of 4.9 or 5.3 by class path, puts messages into it, and lists what it holds. Run as a
 * single source file.
 *
 * <p>{@code ROOT LOG_SIZE QUEUE_SIZE SLOTS INDEX_NUM COUNT TOPIC:QUEUES,... KEY,... close|halt}
 */
public final class StoreTool {
    private StoreTool() {
    }

    public static void main(String[] args) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(args[0]);
        config.setStorePathCommitLog(args[0] + "/commitlog");
        config.setMappedFileSizeCommitLog(Integer.parseInt(args[1]));
        config.setMappedFileSizeConsumeQueue(Integer.parseInt(args[2]));
        config.setMaxHashSlotNum(Integer.parseInt(args[3]));
        config.setMaxIndexNum(Integer.parseInt(args[4]));
        config.setFlushDiskType(FlushDiskType.ASYNC_FLUSH);
        config.setHaListenPort(0);
        MessageArrivingListener listener = (topic, queueId, offset, tags, time, bitMap, properties) -> { };
        BrokerStatsManager stats = new BrokerStatsManager("interop", false);
        DefaultMessageStore store = null;
        for (Constructor<?> made : DefaultMessageStore.class.getConstructors()) {
            if (made.getParameterCount() == 5) {
                store = (DefaultMessageStore) made.newInstance(config, stats, listener, new BrokerConfig(), new ConcurrentHashMap<>());
            } else if (made.getParameterCount() == 4) {
                store = (DefaultMessageStore) made.newInstance(config, stats, listener, new BrokerConfig());
            }
        }
        if (!store.load()) {
            System.out.println("refused");
            Runtime.getRuntime().halt(1);
        }
        store.start();
        String[] topics = args[6].split(",");
        for (int i = 0; i < Integer.parseInt(args[5]); i++) {
            String[] topic = topics[i % topics.length].split(":");
            put(store, topic[0], i % Integer.parseInt(topic[1]), i);
        }
        for (int i = 0; i < 200 && store.dispatchBehindBytes() > 0; i++) {
            Thread.sleep(50);
        }
        System.out.println("log " + store.getMinPhyOffset() + " " + store.getMaxPhyOffset());
        for (String topic : topics) {
            String[] parts = topic.split(":");
            for (int queueId = 0; queueId < Integer.parseInt(parts[1]); queueId++) {
                list(store, parts[0], queueId);
            }
            for (String key : args[7].split(",")) {
                QueryMessageResult found = store.queryMessage(parts[0], key, 64, 0, Long.MAX_VALUE);
                System.out.println("query " + parts[0] + " " + key + " " + found.getMessageBufferList().size());
                found.release();
            }
        }
        System.out.flush();
        if (args[8].equals("halt")) {
            Runtime.getRuntime().halt(0);
        }
        store.shutdown();
        System.out.println(new java.io.File(args[0], "abort").exists() ? "aborted" : "closed");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static void put(DefaultMessageStore store, String topic, int queueId, int i) throws Exception {
        Class<?> type;
        try {
            type = Class.forName("org.apache.rocketmq.common.message.MessageExtBrokerInner");
        } catch (ClassNotFoundException e) {
            type = Class.forName("org.apache.rocketmq.store.MessageExtBrokerInner");
        }
        MessageExt message = (MessageExt) type.getConstructor().newInstance();
        message.setTopic(topic);
        message.setQueueId(queueId);
        message.setBody(("java-" + i + "-" + "x".repeat(i % 300)).getBytes());
        message.setTags("Tag" + i % 3);
        message.setKeys("key-" + i + " shared");
        MessageAccessor.putProperty(message, "UNIQ_KEY", "J" + i);
        message.setBornTimestamp(System.currentTimeMillis());
        message.setBornHost(new InetSocketAddress("127.0.0.1", 40000));
        message.setStoreHost(new InetSocketAddress("127.0.0.1", 10911));
        type.getMethod("setPropertiesString", String.class)
            .invoke(message, MessageDecoder.messageProperties2String(message.getProperties()));
        Object result = DefaultMessageStore.class.getMethod("putMessage", type).invoke(store, message);
        if (!result.toString().contains("PUT_OK") && !String.valueOf(result.getClass().getMethod("isOk").invoke(result)).equals("true")) {
            throw new IllegalStateException(result.toString());
        }
    }

    private static void list(DefaultMessageStore store, String topic, int queueId) throws Exception {
        long min = store.getMinOffsetInQueue(topic, queueId);
        long max = store.getMaxOffsetInQueue(topic, queueId);
        System.out.println("queue " + topic + " " + queueId + " " + min + " " + max);
        for (long offset = min; offset < max; offset++) {
            GetMessageResult result = store.getMessage("group", topic, queueId, offset, 1, null);
            for (ByteBuffer buffer : result.getMessageBufferList()) {
                MessageExt message = MessageDecoder.decode(buffer.duplicate());
                System.out.println(message.getQueueOffset() + " " + message.getCommitLogOffset() + " " + message.getBodyCRC() + " "
                    + message.getBody().length + " " + message.getSysFlag() + " " + message.getBornHostString() + " " + message.getTags() + " "
                    + message.getKeys());
            }
            result.release();
        }
    }
}
