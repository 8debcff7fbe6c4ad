package interop;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * The Java side of the benchmark. It prints a ready line, then runs a round for each line
 * {@code round MODE IN_FLIGHT COUNT} on standard input and answers each with one line; it ends with the input.
 * Mode {@code async} keeps IN_FLIGHT callbacks open from one thread, {@code sync} runs IN_FLIGHT threads that each
 * wait for their answer.
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
        long cpu = OS.getProcessCpuTime();
        long begin = System.nanoTime();
        if (mode.equals("async")) {
            async(inFlight, count, nanos, errors);
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
}
