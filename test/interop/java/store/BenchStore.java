import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.store.DefaultMessageStore;
import org.apache.rocketmq.store.PutMessageResult;
import org.apache.rocketmq.store.config.FlushDiskType;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * RocketMQ's own message store under the load of `rocketmq-producer bench-store`: one JSON line for the round behind the warm-up.
 *
 * <pre>
 * BenchStore ROOT put async|sync SIZE IN_FLIGHT WARMUP COUNT
 * BenchStore ROOT reopen TOPIC QUEUES    opens what is there, puts one message, and says how many there were
 * </pre>
 */
public final class BenchStore {
    private static final int QUEUES = 4;
    private static final InetSocketAddress HOST = new InetSocketAddress("127.0.0.1", 10911);

    private final DefaultMessageStore store;

    private BenchStore(DefaultMessageStore store) {
        this.store = store;
    }

    public static void main(String[] args) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(args[0]);
        config.setStorePathCommitLog(args[0] + "/commitlog");
        config.setHaListenPort(0);
        config.setDiskMaxUsedSpaceRatio(99);
        config.setFlushDiskType(args[2].equals("sync") ? FlushDiskType.SYNC_FLUSH : FlushDiskType.ASYNC_FLUSH);
        DefaultMessageStore store = new DefaultMessageStore(config, new BrokerStatsManager("bench", false),
            (topic, queueId, offset, tags, time, bitMap, properties) -> { }, new BrokerConfig(), new ConcurrentHashMap<>());
        if (!store.load()) {
            throw new IllegalStateException("the store could not be loaded");
        }
        store.start();
        BenchStore bench = new BenchStore(store);
        if (args[1].equals("reopen")) {
            bench.reopened(args[2], Integer.parseInt(args[3]));
        } else {
            int size = Integer.parseInt(args[3]);
            int inFlight = Integer.parseInt(args[4]);
            bench.round(size, inFlight, Integer.parseInt(args[5]));
            System.out.println(bench.round(size, inFlight, Integer.parseInt(args[6])));
        }
        System.out.flush();
        // whoever started it removes the folder
        Runtime.getRuntime().halt(0);
    }

    private void reopened(String topic, int queues) throws Exception {
        PutMessageResult result = store.asyncPutMessage(message("AfterReopening", 0, new byte[1024])).get();
        long messages = 0;
        for (int i = 0; i < queues; i++) {
            messages += store.getMaxOffsetInQueue(topic, i);
        }
        System.out.println("{\"ok\":" + result.isOk() + ",\"messages\":" + messages + "}");
    }

    private String round(int size, int inFlight, int count) throws Exception {
        byte[] body = new byte[size];
        new java.util.Random(1).nextBytes(body);
        long[] took = new long[count];
        AtomicInteger errors = new AtomicInteger();
        Semaphore window = new Semaphore(inFlight);
        com.sun.management.OperatingSystemMXBean system =
            (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long cpu = system.getProcessCpuTime();
        long begin = System.nanoTime();
        for (int i = 0; i < count; i++) {
            window.acquire();
            long putAt = System.nanoTime();
            int index = i;
            CompletableFuture<PutMessageResult> future = store.asyncPutMessage(message("BenchmarkTest", i % QUEUES, body));
            future.whenComplete((result, error) -> {
                if (error != null || !result.isOk()) {
                    errors.incrementAndGet();
                }
                took[index] = System.nanoTime() - putAt;
                window.release();
            });
        }
        window.acquire(inFlight);
        double seconds = (System.nanoTime() - begin) / 1e9;
        double cpuMicros = (system.getProcessCpuTime() - cpu) / 1e3;
        Arrays.sort(took);
        return String.format(java.util.Locale.ROOT,
            "{\"msgPerSec\":%.0f,\"cpuMicrosPerMsg\":%.2f,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"errors\":%d}",
            count / seconds, cpuMicros / count, took[count / 2] / 1e6, took[(int) (count * 0.99)] / 1e6, errors.get());
    }

    private static MessageExtBrokerInner message(String topic, int queueId, byte[] body) {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        message.setTopic(topic);
        message.setQueueId(queueId);
        message.setBody(body);
        MessageAccessor.putProperty(message, "UNIQ_KEY", "7F0000010001000000000000000000000");
        message.setPropertiesString(MessageDecoder.messageProperties2String(message.getProperties()));
        message.setBornTimestamp(System.currentTimeMillis());
        message.setBornHost(HOST);
        message.setStoreHost(HOST);
        return message;
    }
}
