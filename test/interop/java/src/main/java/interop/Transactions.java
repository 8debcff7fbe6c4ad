package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Sends a message in a transaction for each way in which one can end, and prints a line for each send and each check. Ends when
 * every message that is left open has been asked about.
 *
 * <p>{@code --namesrv A --topic T --peer NAME}
 */
public final class Transactions {
    /** What the local transaction says, and what the check says; null where nobody should ask. */
    private static final String[][] WAYS = {
        {"commit", "COMMIT_MESSAGE", null},
        {"rollback", "ROLLBACK_MESSAGE", null},
        {"checked-commit", "UNKNOW", "COMMIT_MESSAGE"},
        {"checked-rollback", "UNKNOW", "ROLLBACK_MESSAGE"},
    };

    private Transactions() {
    }

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        final String peer = args.get("peer");
        final CountDownLatch checks = new CountDownLatch(2);
        TransactionMQProducer producer = new TransactionMQProducer("interop-tx-" + peer.replace('.', '_'));
        producer.setNamesrvAddr(args.get("namesrv"));
        producer.setSendMsgTimeout(20_000);
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object way) {
                return LocalTransactionState.valueOf(((String[]) way)[1]);
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                String name = message.getUserProperty("case").substring(peer.length() + 1);
                Json.object()
                    .put("check", message.getUserProperty("case"))
                    .put("topic", message.getTopic())
                    .put("msgId", message.getProperty("UNIQ_KEY"))
                    .put("transactionId", message.getTransactionId())
                    .put("body", new String(message.getBody(), StandardCharsets.UTF_8))
                    .print();
                checks.countDown();
                for (String[] way : WAYS) {
                    if (way[0].equals(name) && way[2] != null) {
                        return LocalTransactionState.valueOf(way[2]);
                    }
                }
                return LocalTransactionState.UNKNOW;
            }
        });
        producer.start();
        boolean failed = false;
        for (String[] way : WAYS) {
            byte[] body = (peer + " " + way[0] + " \u00fc\u4f60\u597d").getBytes(StandardCharsets.UTF_8);
            Message message = new Message(args.get("topic"), "tag-" + way[0], "key-" + way[0], body);
            message.putUserProperty("case", peer + "/" + way[0]);
            TransactionSendResult result = producer.sendMessageInTransaction(message, way);
            Json.object()
                .put("sent", peer + "/" + way[0])
                .put("status", result.getSendStatus())
                .put("state", result.getLocalTransactionState())
                .put("msgId", result.getMsgId())
                .print();
        }
        if (!checks.await(30, TimeUnit.SECONDS)) {
            System.err.println(checks.getCount() + " checks never came");
            failed = true;
        }
        // the answers leave on their own threads
        Thread.sleep(300);
        producer.shutdown();
        System.exit(failed ? 1 : 0);
    }
}
