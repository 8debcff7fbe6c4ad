package interop;

import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A consumer that answers every request with {@code re:} and the request's body, and prints a line for each. Runs until it is ended.
 *
 * <p>{@code --namesrv A --topic T --peer NAME}
 */
public final class Replier {
    private Replier() {
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        String peer = args.get("peer").replace('.', '_');
        final DefaultMQProducer producer = new DefaultMQProducer("interop-replier-" + peer);
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setInstanceName("replier-" + peer);
        producer.setSendMsgTimeout(20_000);
        producer.start();
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("interop-replies-" + peer);
        consumer.setNamesrvAddr(args.get("namesrv"));
        consumer.setInstanceName("consumer-" + peer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args.get("topic"), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt request : messages) {
                String text = new String(request.getBody(), StandardCharsets.UTF_8);
                try {
                    Message reply = MessageUtil.createReplyMessage(request, ("re:" + text).getBytes(StandardCharsets.UTF_8));
                    SendResult result = producer.send(reply);
                    Json.object().put("request", text).put("status", result.getSendStatus()).print();
                } catch (Exception e) {
                    Json.object().put("request", text).put("error", e).print();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Json.object().put("ready", true).print();
        Thread.currentThread().join();
    }
}
