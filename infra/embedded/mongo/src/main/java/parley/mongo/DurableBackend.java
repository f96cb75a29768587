package parley.mongo;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import de.bwaldvogel.mongo.wire.message.MongoQuery;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.MVStoreException;

/**
 * An H2 backend in which a reply means that the write is in the file.
 *
 * <p>H2's store commits once a second of its own accord, and whenever it likes in between; both are
 * off here. Commands that may write run side by side under the shared half of {@link #commands};
 * a commit takes the exclusive half, so no commit ever holds half a command (a document without its
 * index entry), and one commit serves every command that ended before it.
 */
final class DurableBackend extends H2Backend {
    /** Commands that never write. Any other is committed: an unknown one costs a commit, no data. */
    private static final Set<String> READS =
            Set.of(
                    "find", "getmore", "count", "distinct", "killcursors", "hello", "ismaster", "ping",
                    "buildinfo", "listcollections", "listindexes", "listdatabases", "serverstatus",
                    "endsessions", "getlasterror", "dbstats", "collstats", "whatsmyuri", "getlog");

    /** MongoDB 6.0: the oldest wire version that today's drivers accept with room to spare. */
    private static final MongoVersion VERSION =
            new MongoVersion() {
                @Override
                public List<Integer> getVersionArray() {
                    return List.of(6, 0, 0);
                }

                @Override
                public int getWireVersion() {
                    return 17;
                }

                @Override
                public String toVersionString() {
                    return "6.0.0";
                }
            };

    /** What {@link H2Database} puts before the names of its maps of documents. */
    private static final String DOCUMENTS_PREFIX = "databases.";

    private static final int CLOSE_COMPACTION_MS = 3_000;

    private final ReadWriteLock commands = new ReentrantReadWriteLock();
    private final Housekeeper housekeeper;

    private DurableBackend(MVStore store) {
        super(store);
        version(VERSION);
        housekeeper = new Housekeeper(store, commands.writeLock());
        housekeeper.start();
    }

    /** Opens or creates the file; throws {@link MVStoreException} where that cannot be done. */
    static DurableBackend open(Path file) {
        MVStore store =
                new MVStore.Builder()
                        .fileName(file.toString())
                        .compress()
                        .autoCommitDisabled() // no commit by a timer,
                        .autoCommitBufferSize(0) // none in the middle of a command
                        .open();
        store.setRetentionTime(Housekeeper.RETENTION_MS);
        return new DurableBackend(store);
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new H2Database(name, getMvStore(), getCursorRegistry()) {
            @Override
            protected MongoCollection<Object> openOrCreateCollection(
                    String collection, CollectionOptions options) {
                // A map that is open already is taken as it is.
                String map = DOCUMENTS_PREFIX + getDatabaseName() + "." + collection;
                getMvStore()
                        .openMap(
                                map,
                                new MVMap.Builder<Object, Document>()
                                        .valueType(new DocumentType()));
                return super.openOrCreateCollection(collection, options);
            }

            @Override
            protected Index<Object> openOrCreateUniqueIndex(
                    String collection, String index, List<IndexKey> keys, boolean sparse) {
                return IdIndex.of(super.openOrCreateUniqueIndex(collection, index, keys, sparse));
            }
        };
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        String command = message.getDocument().keySet().iterator().next();
        return durably(command, () -> super.handleMessage(message));
    }

    @Override
    public QueryResult handleQuery(MongoQuery query) {
        Set<String> keys = query.getQuery().keySet();
        boolean isCommand = query.getCollectionName().startsWith("$cmd") && !keys.isEmpty();
        return durably(isCommand ? keys.iterator().next() : "find", () -> super.handleQuery(query));
    }

    private <T> T durably(String command, Supplier<T> run) {
        if (READS.contains(command.toLowerCase(java.util.Locale.ROOT))) {
            return run.get();
        }
        try {
            return within(commands.readLock(), run);
        } finally { // a command that failed half-way may have written too
            within(commands.writeLock(), this::commitOrHalt);
        }
    }

    private Void commitOrHalt() {
        try {
            getMvStore().commit();
        } catch (MVStoreException e) {
            // The store is unusable now. No reply has been sent, so nothing is promised.
            System.err.println("The database file cannot be written: " + e.getMessage());
            Runtime.getRuntime().halt(3);
        }
        return null;
    }

    private static <T> T within(Lock lock, Supplier<T> run) {
        lock.lock();
        try {
            return run.get();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        housekeeper.stop();
        within(
                commands.writeLock(),
                () -> {
                    getMvStore().close(CLOSE_COMPACTION_MS);
                    return null;
                });
        super.close();
    }
}
