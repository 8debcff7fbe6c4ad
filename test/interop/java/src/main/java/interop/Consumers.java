package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Push and lite pull consumers driven over standard input, so that one virtual machine serves a whole suite.
 *
 * <pre>
 *   push NAME key=value ...   starts a push consumer: group, topic, tags or sql, model, orderly, from, timestamp (ms), max (reconsume
 *                             times), fail (how often a message fails), level (delay level of a failed one), vip, hang (it is never
 *                             done with a message), pop (leaves the assignment of queues to the broker; ms that a popped message is
 *                             its own); answers {"started":NAME}
 *   lite NAME key=value ...   starts a lite pull consumer: group, topic, from
 *   read NAME key=value ...   see {@link Pulls#read}
 *   seek NAME key=value ...   see {@link Pulls#seek}
 *   stop NAME                 shuts it down, answers {"stopped":NAME}
 * </pre>
 *
 * <p>Every message is a line that names its consumer. Values are URL encoded. {@code --namesrv A}
 */
public final class Consumers {
    private static final Map<String, Runnable> STOPS = new HashMap<>();
    private static String namesrv;

    private Consumers() {
    }

    public static void main(String[] argv) throws Exception {
        namesrv = new Args(argv).get("namesrv");
        Json.object().put("ready", true).print();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            String name = words.length > 1 ? words[1] : "";
            try {
                Map<String, String> options = new HashMap<>();
                for (int i = 2; i < words.length; i++) {
                    int equals = words[i].indexOf('=');
                    options.put(words[i].substring(0, equals), URLDecoder.decode(words[i].substring(equals + 1), "UTF-8"));
                }
                if (words[0].equals("push")) {
                    push(name, options);
                    Json.object().put("started", name).print();
                } else if (words[0].equals("lite")) {
                    lite(name, options);
                    Json.object().put("started", name).print();
                } else if (words[0].equals("read")) {
                    Pulls.read(namesrv, name, options);
                } else if (words[0].equals("seek")) {
                    Pulls.seek(namesrv, name, options);
                } else if (words[0].equals("stop")) {
                    STOPS.remove(name).run();
                    Json.object().put("stopped", name).print();
                }
            } catch (Exception e) {
                Json.object().put("failed", name).put("error", e).print();
            }
        }
        System.exit(0);
    }

    private static void push(String name, Map<String, String> options) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(options.get("group"));
        consumer.setNamesrvAddr(namesrv);
        // members of one process need names of their own
        consumer.setInstanceName(name);
        consumer.setPollNameServerInterval(1000);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.setConsumeThreadMin(2);
        consumer.setConsumeThreadMax(2);
        consumer.setSuspendCurrentQueueTimeMillis(200);
        consumer.setVipChannelEnabled(options.containsKey("vip"));
        if (options.containsKey("pop")) {
            // 5.x alone has these
            set(consumer, "setClientRebalance", boolean.class, false);
            set(consumer, "setPopInvisibleTime", long.class, Long.parseLong(options.get("pop")));
        }
        if ("BROADCASTING".equals(options.get("model"))) {
            broadcast(consumer);
        }
        consumer.setConsumeFromWhere(ConsumeFromWhere.valueOf(options.getOrDefault("from", "CONSUME_FROM_FIRST_OFFSET")));
        if (options.containsKey("timestamp")) {
            consumer.setConsumeTimestamp(
                new SimpleDateFormat("yyyyMMddHHmmss").format(new Date(Long.parseLong(options.get("timestamp")))));
        }
        if (options.containsKey("max")) {
            consumer.setMaxReconsumeTimes(Integer.parseInt(options.get("max")));
        }
        if (options.containsKey("sql")) {
            consumer.subscribe(options.get("topic"), MessageSelector.bySql(options.get("sql")));
        } else {
            consumer.subscribe(options.get("topic"), options.getOrDefault("tags", "*"));
        }
        int failures = Integer.parseInt(options.getOrDefault("fail", "0"));
        int level = Integer.parseInt(options.getOrDefault("level", "0"));
        boolean hang = options.containsKey("hang");
        if (options.containsKey("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                print(name, messages);
                return messages.get(0).getReconsumeTimes() < failures
                    ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT
                    : ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                ConsumeConcurrentlyStatus status = consume(name, messages, context, failures, level);
                while (hang) {
                    try {
                        Thread.sleep(1000);
                    } catch (InterruptedException e) {
                        return status;
                    }
                }
                return status;
            });
        }
        consumer.start();
        STOPS.put(name, consumer::shutdown);
    }

    private static void set(DefaultMQPushConsumer consumer, String setter, Class<?> type, Object value) throws ReflectiveOperationException {
        DefaultMQPushConsumer.class.getMethod(setter, type).invoke(consumer, value);
    }

    /** 5.x has the type in another package than 4.x. */
    private static void broadcast(DefaultMQPushConsumer consumer) throws ReflectiveOperationException {
        for (java.lang.reflect.Method method : DefaultMQPushConsumer.class.getMethods()) {
            if (method.getName().equals("setMessageModel")) {
                for (Object model : method.getParameterTypes()[0].getEnumConstants()) {
                    if (model.toString().equals("BROADCASTING")) {
                        method.invoke(consumer, model);
                    }
                }
            }
        }
    }

    private static ConsumeConcurrentlyStatus consume(
        String name, List<MessageExt> messages, ConsumeConcurrentlyContext context, int failures, int level) {
        print(name, messages);
        if (messages.get(0).getReconsumeTimes() >= failures) {
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        }
        context.setDelayLevelWhenNextConsume(level);
        return ConsumeConcurrentlyStatus.RECONSUME_LATER;
    }

    private static void lite(String name, Map<String, String> options) throws Exception {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(options.get("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(name);
        consumer.setAutoCommitIntervalMillis(1000);
        consumer.setConsumeFromWhere(ConsumeFromWhere.valueOf(options.getOrDefault("from", "CONSUME_FROM_FIRST_OFFSET")));
        consumer.subscribe(options.get("topic"), options.getOrDefault("tags", "*"));
        consumer.start();
        boolean[] running = {true};
        Thread thread = new Thread(() -> {
            while (running[0]) {
                print(name, consumer.poll(200));
            }
        });
        thread.setDaemon(true);
        thread.start();
        STOPS.put(name, () -> {
            running[0] = false;
            try {
                thread.join(2000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            consumer.shutdown();
        });
    }

    static void print(String name, List<MessageExt> messages) {
        for (MessageExt message : messages) {
            Json.object()
                .put("consumer", name)
                .put("at", System.currentTimeMillis())
                .put("topic", message.getTopic())
                .put("queueId", message.getQueueId())
                .put("queueOffset", message.getQueueOffset())
                .put("reconsumeTimes", message.getReconsumeTimes())
                .put("tags", message.getTags())
                .put("body", new String(message.getBody(), StandardCharsets.UTF_8))
                .put("properties", message.getProperties())
                .print();
        }
    }
}
