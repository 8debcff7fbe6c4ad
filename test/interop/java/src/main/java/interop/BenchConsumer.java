package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/**
 * A push consumer with its defaults that drains a topic. It prints a ready line, then runs a round for each line
 * {@code drain GROUP COUNT} on standard input: a new group reads from the first message until it has COUNT of them. The round's line
 * tells how long that took from {@code start()} on, and after which time the first message was there.
 *
 * <p>{@code --namesrv A --topic T}
 */
public final class BenchConsumer {
    private BenchConsumer() {
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        Json.object().put("ready", true).put("peer", "java-consumer").print();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            if (words[0].equals("drain")) {
                drain(args.get("namesrv"), args.get("topic"), words[1], Integer.parseInt(words[2]));
            }
        }
        System.exit(0);
    }

    private static void drain(String namesrv, String topic, String group, int count) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        CountDownLatch all = new CountDownLatch(count);
        AtomicInteger more = new AtomicInteger();
        AtomicLong first = new AtomicLong();
        AtomicLong last = new AtomicLong();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            first.compareAndSet(0, System.nanoTime());
            for (int i = 0; i < messages.size(); i++) {
                if (all.getCount() == 0) {
                    more.incrementAndGet();
                }
                all.countDown();
            }
            if (all.getCount() == 0) {
                last.compareAndSet(0, System.nanoTime());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        long begin = System.nanoTime();
        consumer.start();
        all.await();
        consumer.shutdown();
        double seconds = (last.get() - begin) / 1e9;
        Json.object()
            .put("peer", "java-consumer")
            .put("count", count)
            .put("msgPerSec", Math.round(count / seconds))
            .put("firstMs", (first.get() - begin) / 1e6)
            .put("errors", more.get())
            .print();
    }
}
