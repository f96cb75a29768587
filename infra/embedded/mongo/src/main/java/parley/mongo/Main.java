package parley.mongo;

import de.bwaldvogel.mongo.MongoServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.h2.mvstore.MVStoreException;

/**
 * Serves the MongoDB protocol from one H2 file.
 *
 * <p>Usage: {@code java -jar parley-mongo.jar --file FILE [--port PORT] [--host 127.0.0.1]}.
 * Port 0 picks a free one. When it listens it prints {@code ready mongodb://HOST:PORT}; on SIGTERM
 * it finishes what it is doing, compacts the file and exits with 143, as a JVM does. Anything that keeps it from
 * starting is one sentence on standard error and exit status 2.
 */
public final class Main {
    /** Enough for a client pool: the library runs each command on its connection's own thread. */
    private static final int WORKER_THREADS = 16;

    private Main() {}

    public static void main(String[] args) {
        try {
            serve(Options.parse(args));
        } catch (IllegalArgumentException | IOException e) {
            fail(e.getMessage());
        } catch (MVStoreException e) {
            fail("The database file cannot be opened: " + e.getMessage());
        }
    }

    private static void serve(Options options) throws IOException {
        DurableBackend backend = DurableBackend.open(options.file());
        MongoServer server = new MongoServer(backend);
        InetSocketAddress address = new InetSocketAddress(options.host(), options.port());
        try {
            server.bind(address, 1, WORKER_THREADS);
        } catch (Exception e) { // netty throws the checked BindException without declaring it
            throw new IOException("Port " + options.port() + " is taken: " + e.getMessage(), e);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow, "close"));
        InetSocketAddress bound = server.getLocalAddress();
        System.out.println(
                "ready mongodb://" + bound.getAddress().getHostAddress() + ":" + bound.getPort());
    }

    private static void fail(String sentence) {
        System.err.println(sentence);
        System.exit(2);
    }

    /** The command line; the host must be this machine itself, for there is no password. */
    private record Options(Path file, InetAddress host, int port) {
        static Options parse(String[] args) throws IOException {
            Path file = null;
            InetAddress host = InetAddress.getByName("127.0.0.1");
            int port = 27017;
            for (int i = 0; i < args.length; i += 2) {
                if (i + 1 == args.length) {
                    throw new IllegalArgumentException(args[i] + " needs a value.");
                }
                String value = args[i + 1];
                switch (args[i]) {
                    case "--file" -> file = Path.of(value).toAbsolutePath();
                    case "--host" -> host = InetAddress.getByName(value);
                    case "--port" -> port = Integer.parseInt(value);
                    default -> throw new IllegalArgumentException("Unknown option " + args[i] + ".");
                }
            }
            if (file == null) {
                throw new IllegalArgumentException("--file FILE is needed.");
            }
            if (!host.isLoopbackAddress()) {
                throw new IllegalArgumentException(
                        "This server has no password, so it listens on loopback only, not on "
                                + host.getHostAddress() + ".");
            }
            Files.createDirectories(file.getParent());
            return new Options(file, host, port);
        }
    }
}
