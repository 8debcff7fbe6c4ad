package interop;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * The Java side of the benchmark. It prints a ready line, then runs a round for each line
 * {@code round MODE IN_FLIGHT COUNT} on standard input and answers each with one line; it ends with the input.
 * Mode {@code async} keeps IN_FLIGHT callbacks open from one thread, {@code sync} runs IN_FLIGHT threads that each
 * wait for their answer; {@code batch100} sends batches of 100 with about as many messages in flight, {@code oneway} waits until the
 * broker shows what was sent.
 *
 * <p>{@code --namesrv A --topic T [--size 1024]}
 */
public final class BenchProducer {
    private static final OperatingSystemMXBean OS = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final DefaultMQProducer producer;
    private final String topic;
    private final byte[] body;

    private BenchProducer(DefaultMQProducer producer, String topic, byte[] body) {
        this.producer = producer;
        this.topic = topic;
        this.body = body;
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        DefaultMQProducer producer = new DefaultMQProducer("bench-java");
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setSendMsgTimeout(10_000);
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();
        byte[] body = new byte[args.number("size", 1024)];
        Arrays.fill(body, (byte) 'x');
        BenchProducer bench = new BenchProducer(producer, args.get("topic"), body);
        Json.object().put("ready", true).put("peer", "java").print();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            if (words[0].equals("round")) {
                bench.round(words[1], Integer.parseInt(words[2]), Integer.parseInt(words[3]));
            }
        }
        producer.shutdown();
        System.exit(0);
    }

    private void round(String mode, int inFlight, int count) throws Exception {
        long[] nanos = new long[count];
        AtomicInteger errors = new AtomicInteger();
        long before = mode.equals("oneway") ? settled() : 0;
        long cpu = OS.getProcessCpuTime();
        long begin = System.nanoTime();
        if (mode.equals("async")) {
            async(inFlight, count, nanos, errors);
        } else if (mode.equals("batch100")) {
            batches(inFlight, count, nanos, errors);
        } else if (mode.equals("oneway")) {
            oneway(count, nanos, errors, before);
        } else {
            sync(inFlight, count, nanos, errors);
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        double cpuMicros = (OS.getProcessCpuTime() - cpu) / 1e3 / count;
        Arrays.sort(nanos);
        Json.object()
            .put("peer", "java")
            .put("mode", mode)
            .put("inFlight", inFlight)
            .put("size", body.length)
            .put("count", count)
            .put("msgPerSec", Math.round(count / seconds))
            .put("cpuMicrosPerMsg", Math.round(cpuMicros * 100) / 100.0)
            .put("p50Ms", nanos[(int) (count * 0.5)] / 1e6)
            .put("p99Ms", nanos[(int) (count * 0.99)] / 1e6)
            .put("errors", errors.get())
            .print();
    }

    private void async(int inFlight, int count, long[] nanos, AtomicInteger errors) throws Exception {
        Semaphore window = new Semaphore(inFlight);
        for (int i = 0; i < count; i++) {
            window.acquire();
            final int index = i;
            final long sent = System.nanoTime();
            try {
                producer.send(new Message(topic, body), new SendCallback() {
                    @Override
                    public void onSuccess(SendResult result) {
                        nanos[index] = System.nanoTime() - sent;
                        if (result.getSendStatus() != SendStatus.SEND_OK) {
                            errors.incrementAndGet();
                        }
                        window.release();
                    }

                    @Override
                    public void onException(Throwable error) {
                        nanos[index] = System.nanoTime() - sent;
                        errors.incrementAndGet();
                        window.release();
                    }
                });
            } catch (Exception e) {
                errors.incrementAndGet();
                window.release();
            }
        }
        window.acquire(inFlight);
    }

    private void sync(int lanes, int count, long[] nanos, AtomicInteger errors) throws Exception {
        AtomicInteger next = new AtomicInteger();
        if (lanes == 1) {
            lane(next, count, nanos, errors);
            return;
        }
        CountDownLatch done = new CountDownLatch(lanes);
        for (int i = 0; i < lanes; i++) {
            new Thread(() -> {
                lane(next, count, nanos, errors);
                done.countDown();
            }).start();
        }
        done.await();
    }

    private void lane(AtomicInteger next, int count, long[] nanos, AtomicInteger errors) {
        for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
            long sent = System.nanoTime();
            try {
                if (producer.send(new Message(topic, body)).getSendStatus() != SendStatus.SEND_OK) {
                    errors.incrementAndGet();
                }
            } catch (Exception e) {
                errors.incrementAndGet();
            }
            nanos[i] = System.nanoTime() - sent;
        }
    }

    private static final int BATCH = 100;

    private void batches(int inFlight, int count, long[] nanos, AtomicInteger errors) throws InterruptedException {
        AtomicInteger next = new AtomicInteger();
        Thread[] threads = new Thread[(inFlight + BATCH - 1) / BATCH];
        for (int t = 0; t < threads.length; t++) {
            threads[t] = new Thread(() -> {
                for (int from = next.getAndAdd(BATCH); from < count; from = next.getAndAdd(BATCH)) {
                    int length = Math.min(BATCH, count - from);
                    List<Message> messages = new ArrayList<>(length);
                    for (int i = 0; i < length; i++) {
                        messages.add(new Message(topic, body));
                    }
                    long begin = System.nanoTime();
                    try {
                        if (producer.send(messages).getSendStatus() != SendStatus.SEND_OK) {
                            errors.addAndGet(length);
                        }
                    } catch (Exception error) {
                        errors.addAndGet(length);
                    }
                    Arrays.fill(nanos, from, from + length, System.nanoTime() - begin);
                }
            });
            threads[t].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private long stored() throws MQClientException {
        long sum = 0;
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            sum += producer.maxOffset(queue);
        }
        return sum;
    }

    /** When nobody's messages are on their way into the queues any more: a broker fills them behind its log. */
    private long settled() throws Exception {
        for (long last = -1;;) {
            long now = stored();
            if (now == last) {
                return now;
            }
            last = now;
            Thread.sleep(50);
        }
    }

    /** Ends when the broker has them all, or after 10 s: what is missing then is an error. */
    private void oneway(int count, long[] nanos, AtomicInteger errors, long before) throws Exception {
        for (int i = 0; i < count; i++) {
            long begin = System.nanoTime();
            producer.sendOneway(new Message(topic, body));
            nanos[i] = System.nanoTime() - begin;
        }
        long deadline = System.nanoTime() + 10_000_000_000L;
        long missing = count;
        while (missing > 0 && System.nanoTime() < deadline) {
            Thread.sleep(1);
            try {
                missing = count - (stored() - before);
            } catch (MQClientException busy) {
                // asked again
            }
        }
        errors.addAndGet((int) missing);
    }
}
