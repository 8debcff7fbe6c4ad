package interop;

import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Sends messages that are delivered later, calls one of them back, and asks what a producer may ask a broker. Prints a line for each
 * message, and one of the answers. What only 5.x has is found by reflection, because these sources are compiled for 4.x too.
 *
 * <p>{@code --namesrv A --topic T}
 */
public final class DelayedProducer {
    private DelayedProducer() {
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        String topic = args.get("topic");
        DefaultMQProducer producer = new DefaultMQProducer("interop-delayed");
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setSendMsgTimeout(20_000);
        producer.start();
        try {
            answers(producer, topic, send(producer, message(topic, "now"), "now"));
            for (int level = 1; level <= 2; level++) {
                Message delayed = message(topic, "level-" + level);
                delayed.setDelayTimeLevel(level);
                send(producer, delayed, "level-" + level);
            }
            send(producer, timed(message(topic, "sec-3"), "setDelayTimeSec", 3), "sec-3");
            send(producer, timed(message(topic, "ms-1500"), "setDelayTimeMs", 1500), "ms-1500");
            send(producer, timed(message(topic, "past"), "setDeliverTimeMs", 1000), "past");
            SendResult recalled = send(producer, timed(message(topic, "recalled"), "setDelayTimeSec", 4), "recalled");
            String handle = (String) recalled.getClass().getMethod("getRecallHandle").invoke(recalled);
            Object id = producer.getClass().getMethod("recallMessage", String.class, String.class).invoke(producer, topic, handle);
            Json.object().put("case", "recall").put("msgId", id).put("sent", recalled.getMsgId()).print();
            refused(producer, topic);
        } catch (Exception e) {
            // the client's threads would keep the process alive
            e.printStackTrace();
            System.exit(1);
        }
        producer.shutdown();
        System.exit(0);
    }

    private static Message message(String topic, String name) {
        Message message = new Message(topic, "tag", "key-" + name, name.getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("case", name);
        return message;
    }

    private static Message timed(Message message, String setter, long value) throws ReflectiveOperationException {
        Message.class.getMethod(setter, long.class).invoke(message, value);
        return message;
    }

    private static SendResult send(DefaultMQProducer producer, Message message, String name) throws Exception {
        SendResult result = producer.send(message);
        Json.object()
            .put("case", name)
            .put("status", result.getSendStatus())
            .put("msgId", result.getMsgId())
            .put("offsetMsgId", result.getOffsetMsgId())
            .print();
        return result;
    }

    /** Four days are too long. */
    private static void refused(DefaultMQProducer producer, String topic) throws Exception {
        try {
            producer.send(timed(message(topic, "too-far"), "setDelayTimeSec", 4 * 24 * 3600));
            Json.object().put("case", "too-far").put("error", "").print();
        } catch (InvocationTargetException e) {
            throw e;
        } catch (Exception e) {
            Json.object().put("case", "too-far").put("error", e.getMessage()).print();
        }
    }

    @SuppressWarnings("deprecation")
    private static void answers(DefaultMQProducer producer, String topic, SendResult sent) throws Exception {
        MessageQueue queue = sent.getMessageQueue();
        List<MessageQueue> queues = producer.fetchPublishMessageQueues(topic);
        MessageExt byOffset = producer.viewMessage(topic, sent.getOffsetMsgId());
        MessageExt byKey = awaitKey(producer, topic, "key-now");
        MessageExt byId = producer.viewMessage(topic, sent.getMsgId());
        producer.getClass().getMethod("createTopic", String.class, String.class, int.class, Map.class)
            .invoke(producer, "TBW102", topic + "-created", 3, null);
        Json.object()
            .put("case", "answers")
            .put("queues", queues.size())
            .put("min", producer.minOffset(queue))
            .put("max", producer.maxOffset(queue))
            .put("earliestIsStored", producer.earliestMsgStoreTime(queue) == byOffset.getStoreTimestamp())
            .put("search", producer.searchOffset(queue, byOffset.getStoreTimestamp()))
            .put("byOffset", byOffset.getMsgId())
            .put("byKey", byKey.getMsgId())
            .put("byId", byId.getMsgId())
            .print();
    }

    /** The index of a real broker follows the log. */
    @SuppressWarnings("deprecation")
    private static MessageExt awaitKey(DefaultMQProducer producer, String topic, String key) throws Exception {
        for (int tries = 0; ; tries++) {
            try {
                QueryResult result = producer.queryMessage(topic, key, 10, 0, Long.MAX_VALUE);
                return result.getMessageList().get(0);
            } catch (Exception e) {
                if (tries == 50) {
                    throw e;
                }
                Thread.sleep(200);
            }
        }
    }
}
