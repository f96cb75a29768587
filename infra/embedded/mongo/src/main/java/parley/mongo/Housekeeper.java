package parley.mongo;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import org.h2.mvstore.FileStore;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.RandomAccessStore;

/**
 * Keeps the file small and flushed to the disk, once a second, in short steps.
 *
 * <p>Every commit appends a chunk and leaves dead pages behind. H2's own background thread would
 * reclaim them, but it also commits, which only {@link DurableBackend} may do.
 */
final class Housekeeper {
    /**
     * Dead chunks are overwritten only after this long, by when {@link #run} has flushed what
     * replaced them: a power cut finds a consistent file, at most a second old.
     */
    static final int RETENTION_MS = 5_000;

    private static final int PERIOD_MS = 1_000;
    /** Rewrite chunks while less than this share (percent) of their pages is live. */
    private static final int LIVE_PERCENT = 60;
    /** Close holes while less than this share (percent) of the file is in use. */
    private static final int USED_PERCENT = 70;

    private static final int STEP_BYTES = 2 * 1024 * 1024;

    private final MVStore store;
    private final Lock exclusive;
    private final ScheduledExecutorService timer =
            Executors.newSingleThreadScheduledExecutor(
                    task -> {
                        Thread thread = new Thread(task, "housekeeper");
                        thread.setDaemon(true);
                        return thread;
                    });
    private long flushedVersion;

    /**
     * @param exclusive held while chunks are rewritten, so that no command is half-way
     */
    Housekeeper(MVStore store, Lock exclusive) {
        this.store = store;
        this.exclusive = exclusive;
    }

    void start() {
        timer.scheduleWithFixedDelay(this::run, PERIOD_MS, PERIOD_MS, TimeUnit.MILLISECONDS);
    }

    void stop() {
        timer.shutdown();
        try {
            timer.awaitTermination(PERIOD_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            if (store.getCurrentVersion() != flushedVersion) {
                store.sync();
                flushedVersion = store.getCurrentVersion();
            }
            exclusive.lock();
            try {
                compact();
            } finally {
                exclusive.unlock();
            }
        } catch (RuntimeException e) { // an exception would end the timer; the next commit reports it
            System.err.println("Compaction failed: " + e.getMessage());
        }
    }

    private void compact() {
        store.compact(LIVE_PERCENT, STEP_BYTES);
        FileStore<?> file = store.getFileStore();
        if (file instanceof RandomAccessStore chunks && file.getFillRate() < USED_PERCENT) {
            chunks.compactMoveChunks(USED_PERCENT, STEP_BYTES, store);
        }
    }
}
