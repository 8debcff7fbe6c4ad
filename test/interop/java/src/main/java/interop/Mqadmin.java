package interop;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Runs commands of mqadmin in one virtual machine, and keeps the clients that those commands are about.
 *
 * <p>A line is a command, its arguments separated by tabs; the answer is one object a line. {@code @consumer NAMESRV GROUP TOPIC} starts a
 * push consumer, {@code @producer NAMESRV GROUP TOPIC COUNT} a producer that sends to the queues in turn; both stay. All else is mqadmin's:
 * what it prints is the answer, and what it writes to standard error beside it.
 */
public final class Mqadmin {
    private Mqadmin() {
    }

    public static void main(String[] args) throws Exception {
        // Only 5.3.3 has the tools on its class path, and all versions compile this.
        Method mqadmin = Class.forName("org.apache.rocketmq.tools.command.MQAdminStartup").getMethod("main", String[].class);
        Json.object().put("ready", true).print();
        PrintStream stdout = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            Json answer = Json.object();
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            PrintStream capture = new PrintStream(printed, true, "UTF-8");
            PrintStream stderr = System.err;
            ByteArrayOutputStream complained = new ByteArrayOutputStream();
            System.setOut(capture);
            System.setErr(new PrintStream(complained, true, "UTF-8"));
            try {
                if (words[0].equals("@consumer")) {
                    consumer(words[1], words[2], words[3]);
                } else if (words[0].equals("@producer")) {
                    producer(words[1], words[2], words[3], Integer.parseInt(words[4]));
                } else {
                    mqadmin.invoke(null, (Object) words);
                }
            } catch (Exception e) {
                answer.put("error", e.toString() + (e.getCause() == null ? "" : ": " + e.getCause()));
            } finally {
                System.setOut(stdout);
                System.setErr(stderr);
            }
            answer.put("text", printed.toString("UTF-8")).put("complaints", complained.toString("UTF-8")).print();
        }
        Runtime.getRuntime().halt(0);
    }

    private static void consumer(String namesrv, String group, String topic) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName("consumer" + namesrv);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        consumer.start();
    }

    private static void producer(String namesrv, String group, String topic, int count) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName("producer" + namesrv);
        producer.start();
        StringBuilder ids = new StringBuilder();
        for (int i = 0; i < count; i++) {
            Message message = new Message(topic, "tag" + i % 2, "key-" + i, ("body-" + i).getBytes(StandardCharsets.UTF_8));
            message.putUserProperty("n", Integer.toString(i));
            SendResult result = producer.send(
                message, (List<MessageQueue> queues, Message m, Object n) -> queues.get((Integer) n % queues.size()), i);
            ids.append(result.getMsgId()).append(' ').append(result.getOffsetMsgId()).append('\n');
        }
        System.out.print(ids);
    }
}
