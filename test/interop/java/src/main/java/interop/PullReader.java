package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.trace.TraceBean;
import org.apache.rocketmq.client.trace.TraceContext;
import org.apache.rocketmq.client.trace.TraceDataEncoder;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * A pull consumer driven over standard input, so that one virtual machine serves a whole suite.
 *
 * <pre>
 *   read TOPIC COUNT   a line for each message of the topic, once it holds COUNT of them (or 30 s have passed), then {"end":true,...}
 *   trace TOPIC COUNT  the same, and after each message a line for each record that Java's TraceDataEncoder reads from its body
 *   id UNIQ_KEY        what Java's MessageClientIDSetter reads from a unique id
 * </pre>
 *
 * <p>{@code --namesrv A}
 */
public final class PullReader {
    private static final long PATIENCE_MILLIS = 30_000;
    private static final int PULL_BATCH = 32;

    private PullReader() {
    }

    @SuppressWarnings("deprecation")
    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("interop-reader");
        consumer.setNamesrvAddr(args.get("namesrv"));
        consumer.start();
        Json.object().put("ready", true).print();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            try {
                if (words[0].equals("read") || words[0].equals("trace")) {
                    read(consumer, words[1], Integer.parseInt(words[2]), words[0].equals("trace"));
                } else if (words[0].equals("id")) {
                    printId(words[1]);
                }
            } catch (Exception e) {
                Json.object().put("end", true).put("error", e).print();
            }
        }
        consumer.shutdown();
        System.exit(0);
    }

    private static void read(DefaultMQPullConsumer consumer, String topic, int count, boolean trace) throws Exception {
        Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(topic);
        Map<MessageQueue, Long> next = new HashMap<>();
        for (MessageQueue queue : queues) {
            next.put(queue, consumer.minOffset(queue));
        }
        long deadline = System.currentTimeMillis() + PATIENCE_MILLIS;
        int seen = 0;
        boolean more = true;
        while (more && System.currentTimeMillis() < deadline) {
            int found = 0;
            for (MessageQueue queue : queues) {
                found += readQueue(consumer, queue, next, trace);
            }
            seen += found;
            more = seen < count || found > 0;
            if (seen < count && found == 0) {
                Thread.sleep(20);
            }
        }
        Json.object().put("end", true).put("queues", queues.size()).put("messages", seen).print();
    }

    private static int readQueue(DefaultMQPullConsumer consumer, MessageQueue queue, Map<MessageQueue, Long> next, boolean trace)
        throws Exception {
        int seen = 0;
        while (next.get(queue) < consumer.maxOffset(queue)) {
            PullResult result = consumer.pull(queue, "*", next.get(queue), PULL_BATCH);
            if (result.getPullStatus() != PullStatus.FOUND) {
                break;
            }
            for (MessageExt message : result.getMsgFoundList()) {
                print(message);
                if (trace) {
                    printTrace(message);
                }
                seen++;
            }
            next.put(queue, result.getNextBeginOffset());
        }
        return seen;
    }

    private static void print(MessageExt message) {
        Json.object()
            .put("queueId", message.getQueueId())
            .put("queueOffset", message.getQueueOffset())
            .put("commitLogOffset", message.getCommitLogOffset())
            .put("msgId", message.getMsgId())
            .put("offsetMsgId", offsetMsgId(message))
            .put("topic", message.getTopic())
            .put("tags", message.getTags())
            .put("keys", message.getKeys())
            .put("flag", message.getFlag())
            .put("sysFlag", message.getSysFlag())
            .put("bodyCRC", message.getBodyCRC())
            .put("storeSize", message.getStoreSize())
            .put("bornTimestamp", message.getBornTimestamp())
            .put("storeTimestamp", message.getStoreTimestamp())
            .put("reconsumeTimes", message.getReconsumeTimes())
            .put("properties", message.getProperties())
            .put("body", Base64.getEncoder().encodeToString(message.getBody()))
            .print();
    }

    private static void printTrace(MessageExt message) {
        String data = new String(message.getBody(), StandardCharsets.UTF_8);
        for (TraceContext context : TraceDataEncoder.decoderFromTraceDataString(data)) {
            TraceBean bean = context.getTraceBeans().get(0);
            Json.object()
                .put("trace", context.getTraceType().name())
                .put("timeStamp", context.getTimeStamp())
                .put("regionId", context.getRegionId())
                .put("groupName", context.getGroupName())
                .put("costTime", context.getCostTime())
                .put("success", context.isSuccess())
                .put("topic", bean.getTopic())
                .put("msgId", bean.getMsgId())
                .put("offsetMsgId", bean.getOffsetMsgId())
                .put("tags", bean.getTags())
                .put("keys", bean.getKeys())
                .put("storeHost", bean.getStoreHost())
                .put("bodyLength", bean.getBodyLength())
                .put("msgType", String.valueOf(bean.getMsgType()))
                .put("transactionId", property(bean, "getTransactionId"))
                .put("transactionState", property(bean, "getTransactionState"))
                .put("fromTransactionCheck", property(bean, "isFromTransactionCheck"))
                .print();
        }
    }

    /** As text; null where this version of the client has no such property. */
    private static Object property(TraceBean bean, String getter) {
        try {
            Object value = bean.getClass().getMethod(getter).invoke(bean);
            return value == null ? null : value.toString();
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    /** The client's decoder keeps it in a subclass that 4.7.1 has under another package than 5.3.3. */
    private static Object offsetMsgId(MessageExt message) {
        try {
            return message.getClass().getMethod("getOffsetMsgId").invoke(message);
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private static void printId(String id) {
        Json.object()
            .put("end", true)
            .put("ip", MessageClientIDSetter.getIPStrFromID(id))
            .put("pid", MessageClientIDSetter.getPidFromID(id))
            .put("time", MessageClientIDSetter.getNearlyTimeFromID(id).getTime())
            .print();
    }
}
