package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.common.message.Message;

/**
 * Makes {@code --count} requests and prints a line for each reply.
 *
 * <p>{@code --namesrv A --topic T --peer NAME [--count N]}
 */
public final class Requester {
    private Requester() {
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        String peer = args.get("peer");
        int count = args.number("count", 3);
        DefaultMQProducer producer = new DefaultMQProducer("interop-requester-" + peer.replace('.', '_'));
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setSendMsgTimeout(20_000);
        producer.start();
        CountDownLatch answered = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            final String text = peer + " " + i + " \u00fc\u4f60\u597d";
            Message request = new Message(args.get("topic"), text.getBytes(StandardCharsets.UTF_8));
            producer.request(request, new RequestCallback() {
                @Override
                public void onSuccess(Message reply) {
                    // since 4.9.4 it is also called, without a reply, once the request is sent
                    if (reply == null) {
                        return;
                    }
                    Json.object()
                        .put("request", text)
                        .put("reply", new String(reply.getBody(), StandardCharsets.UTF_8))
                        .put("topic", reply.getTopic())
                        .put("flag", reply.getFlag())
                        .print();
                    answered.countDown();
                }

                @Override
                public void onException(Throwable error) {
                    Json.object().put("request", text).put("error", error).print();
                    answered.countDown();
                }
            }, 25_000);
        }
        boolean all = answered.await(30, TimeUnit.SECONDS);
        producer.shutdown();
        System.exit(all ? 0 : 1);
    }
}
