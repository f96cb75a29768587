package parley.mongo;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;
import org.h2.mvstore.type.ObjectDataType;

/**
 * Documents in the file as BSON, as they came.
 *
 * <p>H2 itself writes them by Java's serialization, which takes several times as long and as much
 * room. What was written so is still read.
 */
final class DocumentType extends BasicDataType<Document> {
    /** No tag of {@link ObjectDataType}'s. */
    private static final byte BSON = 125;

    /** A document in memory takes about so many times its bytes: the cache is to hold what it says. */
    private static final int IN_MEMORY = 3;

    private final ObjectDataType serialized = new ObjectDataType();
    private volatile int averageBytes = 1_000;

    @Override
    public int getMemory(Document document) {
        return IN_MEMORY * averageBytes;
    }

    @Override
    public void write(WriteBuffer buffer, Document document) {
        ByteBuf encoded = Unpooled.buffer(averageBytes);
        BsonEncoder.encodeDocument(document, encoded);
        int length = encoded.readableBytes();
        learn(length);
        buffer.put(BSON).putVarInt(length).put(encoded.nioBuffer());
    }

    @Override
    public Document read(ByteBuffer buffer) {
        if (buffer.get(buffer.position()) != BSON) {
            return (Document) serialized.read(buffer);
        }
        buffer.get();
        int length = DataUtils.readVarInt(buffer);
        learn(length);
        ByteBuffer encoded = buffer.slice().limit(length);
        buffer.position(buffer.position() + length);
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(encoded));
    }

    private void learn(int length) {
        averageBytes = (int) ((15L * averageBytes + length) / 16);
    }

    @Override
    public Document[] createStorage(int size) {
        return new Document[size];
    }
}
