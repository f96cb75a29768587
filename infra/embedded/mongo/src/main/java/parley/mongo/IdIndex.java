package parley.mongo;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.bson.Document;

/**
 * The index of {@code _id}, also for queries that ask for more than the id.
 *
 * <p>The library's own serves only queries of exactly its keys and reads all documents for any
 * other. A conditional write names the id and a condition; the collection checks what the index
 * finds against the whole query.
 */
final class IdIndex extends Index<Object> {
    private static final String ID = "_id";

    private final Index<Object> inner;

    private IdIndex(Index<Object> inner) {
        super(inner.getName(), inner.getKeys(), false);
        this.inner = inner;
    }

    /** Wraps the index of {@code _id}; any other stays as it is. */
    static Index<Object> of(Index<Object> index) {
        boolean isOfId = index.getKeys().size() == 1 && index.getKeys().get(0).getKey().equals(ID);
        return isOfId ? new IdIndex(index) : index;
    }

    private static Document idOf(Document query) {
        return new Document(ID, query.get(ID));
    }

    @Override
    public boolean canHandle(Document query) {
        return query.containsKey(ID) && inner.canHandle(idOf(query));
    }

    @Override
    public Iterable<Object> getPositions(Document query) {
        return inner.getPositions(idOf(query));
    }

    @Override
    public Object getPosition(Document document) {
        return inner.getPosition(document);
    }

    @Override
    public void checkAdd(Document document, MongoCollection<Object> collection) {
        inner.checkAdd(document, collection);
    }

    @Override
    public void add(Document document, Object position, MongoCollection<Object> collection) {
        inner.add(document, position, collection);
    }

    @Override
    public Object remove(Document document) {
        return inner.remove(document);
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<Object> collection) {
        inner.checkUpdate(before, after, collection);
    }

    @Override
    public void updateInPlace(
            Document before, Document after, Object position, MongoCollection<Object> collection) {
        inner.updateInPlace(before, after, position, collection);
    }

    @Override
    public long getCount() {
        return inner.getCount();
    }

    @Override
    public boolean isEmpty() {
        return inner.isEmpty();
    }

    @Override
    public long getDataSize() {
        return inner.getDataSize();
    }

    @Override
    public boolean isUnique() {
        return inner.isUnique();
    }

    @Override
    public void drop() {
        inner.drop();
    }
}
