import java.lang.reflect.Constructor;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import org.apache.rocketmq.common.*;
import org.apache.rocketmq.common.message.*;
import org.apache.rocketmq.store.*;
import org.apache.rocketmq.store.config.*;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * RocketMQ's own message store on a folder: one line of JSON for each message it holds or puts. Run as a single source file, so that it
 * compiles against whatever version is on the class path.
 *
 * SharedStore ROOT LOG_FILE_SIZE QUEUE_FILE_SIZE TOPIC QUEUES close|halt COUNT PREFIX KEY...
 *
 * Reads everything, looks the keys up, puts COUNT messages, and then closes the store or ends as a kill would.
 */
public class SharedStore {
    public static void main(String[] args) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(args[0]);
        config.setStorePathCommitLog(args[0] + "/commitlog");
        config.setMappedFileSizeCommitLog(Integer.parseInt(args[1]));
        config.setMappedFileSizeConsumeQueue(Integer.parseInt(args[2]));
        config.setMaxHashSlotNum(1000);
        config.setMaxIndexNum(4000);
        config.setHaListenPort(0);
        config.setDiskMaxUsedSpaceRatio(99);
        DefaultMessageStore store = create(config);
        if (!store.load()) {
            System.out.println("{\"error\":\"the store could not be loaded\"}");
            Runtime.getRuntime().halt(1);
        }
        store.start();
        String topic = args[3];
        int queues = Integer.parseInt(args[4]);
        settle(store);
        read(store, topic, queues);
        for (int i = 8; i < args.length; i++) {
            int found = store.queryMessage(topic, args[i], 64, 0, Long.MAX_VALUE).getMessageBufferList().size();
            System.out.println("{\"key\":\"" + args[i] + "\",\"found\":" + found + "}");
        }
        write(store, topic, queues, Integer.parseInt(args[6]), args[7]);
        settle(store);
        if (args[5].equals("close")) store.shutdown();
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static DefaultMessageStore create(MessageStoreConfig config) throws Exception {
        BrokerStatsManager stats = new BrokerStatsManager("interop", false);
        MessageArrivingListener listener = new MessageArrivingListener() {
            public void arriving(String topic, int queueId, long logicOffset, long tagsCode, long msgStoreTime, byte[] filterBitMap,
                Map<String, String> properties) {
            }
        };
        Constructor<?> constructor = DefaultMessageStore.class.getConstructors()[0];
        Object[] all = {config, stats, listener, new BrokerConfig(), new ConcurrentHashMap<String, TopicConfig>()};
        Object[] given = new Object[constructor.getParameterCount()];
        System.arraycopy(all, 0, given, 0, given.length);
        return (DefaultMessageStore) constructor.newInstance(given);
    }

    private static void settle(DefaultMessageStore store) throws Exception {
        for (int i = 0; i < 1000 && store.dispatchBehindBytes() > 0; i++) Thread.sleep(10);
    }

    private static void write(DefaultMessageStore store, String topic, int queues, int count, String prefix) throws Exception {
        for (int i = 0; i < count; i++) {
            MessageExtBrokerInner message = new MessageExtBrokerInner();
            message.setTopic(topic);
            message.setQueueId(i % queues);
            message.setBody((prefix + "-" + i + "-" + "x".repeat(i * 13 % 500)).getBytes("UTF-8"));
            message.setTags("Tag" + i % 3);
            message.setKeys(prefix + "-key-" + i);
            message.setBornTimestamp(System.currentTimeMillis());
            message.setBornHost(new InetSocketAddress("127.0.0.1", 40000));
            message.setStoreHost(new InetSocketAddress("127.0.0.1", 10911));
            message.setPropertiesString(MessageDecoder.messageProperties2String(message.getProperties()));
            PutMessageResult result = store.putMessage(message);
            if (!result.isOk()) System.out.println("{\"error\":\"" + result.getPutMessageStatus() + "\"}");
        }
    }

    private static void read(DefaultMessageStore store, String topic, int queues) throws Exception {
        for (int queue = 0; queue < queues; queue++) {
            long offset = store.getMinOffsetInQueue(topic, queue);
            long max = store.getMaxOffsetInQueue(topic, queue);
            while (offset < max) {
                GetMessageResult result = store.getMessage("interop", topic, queue, offset, 32, null);
                if (result.getMessageBufferList().isEmpty()) {
                    System.out.println("{\"error\":\"queue " + queue + " offset " + offset + ": " + result.getStatus() + "\"}");
                    break;
                }
                for (ByteBuffer buffer : result.getMessageBufferList()) print(MessageDecoder.decode(buffer));
                offset = result.getNextBeginOffset();
                result.release();
            }
        }
    }

    private static void print(MessageExt message) {
        CRC32 crc = new CRC32();
        crc.update(message.getBody());
        System.out.println("{\"queueId\":" + message.getQueueId() + ",\"queueOffset\":" + message.getQueueOffset() + ",\"physicalOffset\":"
            + message.getCommitLogOffset() + ",\"sysFlag\":" + message.getSysFlag() + ",\"crc\":" + crc.getValue() + ",\"tags\":\""
            + message.getTags() + "\",\"keys\":\"" + message.getKeys() + "\"}");
    }
}
