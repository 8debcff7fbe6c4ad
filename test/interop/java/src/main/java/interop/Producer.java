package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Sends {@code --count} messages in every mode of the classic producer and prints, a line a message, what was sent
 * and what came back. The user property {@code case} tells the messages apart when they are read again.
 *
 * <p>{@code --namesrv A --topic T --peer NAME [--count N]}
 */
public final class Producer {
    private static final String[] SINGLE_MODES = {"sync", "async", "oneway", "queue", "selector", "compressed"};
    private static final int COMPRESSED_BODY = 9000;

    private final DefaultMQProducer producer;
    private final String topic;
    private final String peer;
    private boolean failed;

    private Producer(DefaultMQProducer producer, String topic, String peer) {
        this.producer = producer;
        this.topic = topic;
        this.peer = peer;
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        DefaultMQProducer producer = new DefaultMQProducer("interop-" + args.get("peer").replace('.', '_'));
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setSendMsgTimeout(20_000);
        producer.start();
        Producer run = new Producer(producer, args.get("topic"), args.get("peer"));
        int count = args.number("count", 10);
        try {
            for (String mode : SINGLE_MODES) {
                run.singles(mode, count);
            }
            run.batch(count);
        } catch (Exception e) {
            // the client's threads would keep the process alive
            e.printStackTrace();
            System.exit(1);
        }
        producer.shutdown();
        System.exit(run.failed ? 1 : 0);
    }

    private void singles(String mode, int count) throws Exception {
        CountDownLatch answered = new CountDownLatch(mode.equals("async") ? count : 0);
        List<MessageQueue> queues = producer.fetchPublishMessageQueues(topic);
        for (int i = 0; i < count; i++) {
            final Message message = message(mode, i);
            final int index = i;
            switch (mode) {
                case "async":
                    producer.send(message, new SendCallback() {
                        @Override
                        public void onSuccess(SendResult result) {
                            print(mode, index, message, result, null);
                            answered.countDown();
                        }

                        @Override
                        public void onException(Throwable error) {
                            print(mode, index, message, null, error);
                            answered.countDown();
                        }
                    });
                    break;
                case "oneway":
                    producer.sendOneway(message);
                    print(mode, index, message, null, null);
                    break;
                case "queue":
                    print(mode, index, message, producer.send(message, queues.get(i % queues.size())), null);
                    break;
                case "selector":
                    print(mode, index, message,
                        producer.send(message, (list, m, arg) -> list.get((Integer) arg % list.size()), i), null);
                    break;
                default:
                    print(mode, index, message, producer.send(message), null);
            }
        }
        if (!answered.await(60, TimeUnit.SECONDS)) {
            throw new IllegalStateException(answered.getCount() + " async sends were never answered");
        }
    }

    private void batch(int count) throws Exception {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            messages.add(message("batch", i));
        }
        SendResult result = producer.send(messages);
        for (int i = 0; i < count; i++) {
            print("batch", i, messages.get(i), result, null);
        }
    }

    private Message message(String mode, int index) {
        byte[] body = (peer + " " + mode + " " + index + " \u00fc\u4f60\u597d \ud83d\ude80").getBytes(StandardCharsets.UTF_8);
        if (mode.equals("compressed")) {
            byte[] large = new byte[COMPRESSED_BODY + index];
            for (int i = 0; i < large.length; i++) {
                large[i] = body[i % body.length];
            }
            body = large;
        }
        Message message = new Message(topic, "tag-" + mode, "key-" + index + " \u952e-" + mode, body);
        message.setFlag(index);
        message.putUserProperty("case", peer + "/" + mode + "/" + index);
        message.putUserProperty("text", "value = {\"a\":1}, \u5c5e\u6027");
        return message;
    }

    private void print(String mode, int index, Message message, SendResult result, Throwable error) {
        boolean oneway = mode.equals("oneway");
        failed |= error != null;
        Json.object()
            .put("case", peer + "/" + mode + "/" + index)
            .put("mode", mode)
            .put("index", index)
            .put("tags", message.getTags())
            .put("keys", message.getKeys())
            .put("text", message.getUserProperty("text"))
            .put("flag", message.getFlag())
            .put("body", Base64.getEncoder().encodeToString(message.getBody()))
            .put("status", result != null ? result.getSendStatus() : oneway ? "ONEWAY" : "FAILED")
            .put("msgId", result == null ? null : result.getMsgId())
            .put("offsetMsgId", result == null ? null : result.getOffsetMsgId())
            .put("queueId", result == null ? null : result.getMessageQueue().getQueueId())
            .put("queueOffset", result == null ? null : result.getQueueOffset())
            .put("error", error)
            .print();
    }
}
