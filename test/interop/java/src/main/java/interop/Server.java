package interop;

import java.io.IOException;
import java.util.Arrays;

/**
 * Starts a server by its own main class and ends it when standard input ends, so that a server never outlives the
 * process that started it, however that one ended.
 *
 * <p>{@code MAIN_CLASS ARGS...}
 */
public final class Server {
    private Server() {
    }

    public static void main(String[] args) throws Exception {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // nothing is expected
                }
            } catch (IOException e) {
                // the other side is gone
            }
            Runtime.getRuntime().halt(0);
        }, "parent-watch");
        watch.setDaemon(true);
        watch.start();
        String[] rest = Arrays.copyOfRange(args, 1, args.length);
        Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
    }
}
