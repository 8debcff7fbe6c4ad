package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Consumers that choose queues and positions themselves; each answers with one line when it is through. */
final class Pulls {
    private static final int BATCH = 32;
    private static final long PATIENCE_MILLIS = 60_000;

    private Pulls() {
    }

    /**
     * The pull consumer of old: every queue from its beginning, then a pull far beyond its end, one before its beginning, the position
     * committed and asked for.
     */
    @SuppressWarnings("deprecation")
    static void read(String namesrv, String name, Map<String, String> options) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(options.get("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(name);
        consumer.start();
        String topic = options.get("topic");
        List<String> statuses = new ArrayList<>();
        List<Long> ends = new ArrayList<>();
        for (MessageQueue queue : sorted(consumer.fetchSubscribeMessageQueues(topic))) {
            long next = consumer.minOffset(queue);
            long unknown = consumer.fetchConsumeOffset(queue, true);
            while (next < consumer.maxOffset(queue)) {
                PullResult result = consumer.pull(queue, options.getOrDefault("tags", "*"), next, BATCH);
                statuses.add(result.getPullStatus() + " " + result.getNextBeginOffset());
                if (result.getMsgFoundList() != null) {
                    Consumers.print(name, result.getMsgFoundList());
                }
                next = result.getNextBeginOffset();
            }
            PullResult beyond = consumer.pull(queue, "*", next + 100, BATCH);
            PullResult atEnd = consumer.pull(queue, "*", next, BATCH);
            consumer.updateConsumeOffset(queue, next);
            consumer.getDefaultMQPullConsumerImpl().getOffsetStore().persist(queue);
            statuses.add(beyond.getPullStatus() + " " + beyond.getNextBeginOffset() + " " + atEnd.getPullStatus() + " " + unknown);
            long end = System.currentTimeMillis() + PATIENCE_MILLIS;
            // it leaves oneway
            while (consumer.fetchConsumeOffset(queue, true) != next && System.currentTimeMillis() < end) {
                Thread.sleep(20);
            }
            statuses.add("committed " + consumer.fetchConsumeOffset(queue, true)
                + " first " + consumer.searchOffset(queue, 0) + " last " + consumer.searchOffset(queue, System.currentTimeMillis() + 60_000));
            ends.add(next);
        }
        consumer.shutdown();
        Json.object().put("read", name).put("ends", ends).put("statuses", statuses).print();
    }

    /**
     * A lite pull consumer with queues of its choice: from their beginning, back to 1 (4.7.1 notices when its pull at the end returns), to
     * their end; committed by hand and asked for.
     */
    static void seek(String namesrv, String name, Map<String, String> options) throws Exception {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(options.get("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(name);
        consumer.setAutoCommit(false);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.start();
        int count = Integer.parseInt(options.get("count"));
        List<MessageQueue> queues = sorted(consumer.fetchMessageQueues(options.get("topic")));
        consumer.assign(queues);
        List<Integer> polled = new ArrayList<>();
        polled.add(poll(consumer, name, count));
        for (MessageQueue queue : queues) {
            consumer.seek(queue, 1);
        }
        polled.add(poll(consumer, name, count - queues.size()));
        consumer.commitSync();
        List<Long> committed = new ArrayList<>();
        List<Long> found = new ArrayList<>();
        for (MessageQueue queue : queues) {
            long end = System.currentTimeMillis() + PATIENCE_MILLIS;
            // what is committed leaves with the next round of the client's timer
            while (consumer.committed(queue) < 0 && System.currentTimeMillis() < end) {
                Thread.sleep(50);
            }
            committed.add(consumer.committed(queue));
            found.add(consumer.offsetForTimestamp(queue, 0L));
            consumer.seekToEnd(queue);
        }
        polled.add(poll(consumer, name, 0));
        consumer.shutdown();
        Json.object().put("read", name).put("ends", committed).put("found", found).put("polled", polled).print();
    }

    /** Polls until there are so many; for none, as long as they would take to come. */
    private static int poll(DefaultLitePullConsumer consumer, String name, int count) {
        int polled = 0;
        long end = System.currentTimeMillis() + (count == 0 ? 1000 : PATIENCE_MILLIS);
        while ((count == 0 || polled < count) && System.currentTimeMillis() < end) {
            List<MessageExt> messages = consumer.poll(100);
            Consumers.print(name, messages);
            polled += messages.size();
        }
        return polled;
    }

    private static List<MessageQueue> sorted(Collection<MessageQueue> queues) {
        List<MessageQueue> list = new ArrayList<>(queues);
        list.sort(null);
        return list;
    }
}
