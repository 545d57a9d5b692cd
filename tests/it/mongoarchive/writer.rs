//! An independent writer of mongodump archives, for tests and benches: nothing of it is shared with the reader. The checksum is computed
//! bit by bit from its definition (CRC-64/XZ: reflected polynomial C96C5795D7870F42, all ones before and after).

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

pub const TERMINATOR: [u8; 4] = [0xff; 4];

static TABLE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let shift = |crc: u64| if crc & 1 == 1 { crc >> 1 ^ 0xC96C_5795_D787_0F42 } else { crc >> 1 };
    (0..256).map(|byte| (0..8).fold(byte, |crc, _| shift(crc))).collect()
});

/// The CRC-64/XZ of some bytes, continued from that of the bytes before (0 for none).
pub fn crc64(before: u64, bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!before, |crc, byte| TABLE[usize::from(*byte ^ crc.to_le_bytes()[0])] ^ crc >> 8)
}

/// A BSON document under construction.
#[derive(Debug, Clone, Default)]
pub struct Doc(Vec<u8>);

impl Doc {
    pub fn new() -> Self {
        Self::default()
    }

    /// A field of any type.
    pub fn raw(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.0.push(kind);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        self.0.extend_from_slice(value);
        self
    }

    pub fn int32(self, name: &str, value: i32) -> Self {
        self.raw(0x10, name, &value.to_le_bytes())
    }

    pub fn int64(self, name: &str, value: i64) -> Self {
        self.raw(0x12, name, &value.to_le_bytes())
    }

    pub fn bool(self, name: &str, value: bool) -> Self {
        self.raw(0x08, name, &[u8::from(value)])
    }

    pub fn text(self, name: &str, value: &str) -> Self {
        self.raw(0x02, name, &string(value))
    }

    pub fn doc(self, name: &str, value: Self) -> Self {
        self.raw(0x03, name, &value.done())
    }

    pub fn array(self, name: &str, value: Self) -> Self {
        self.raw(0x04, name, &value.done())
    }

    /// An `_id` that is an `ObjectId` made at this second.
    pub fn id(self, seconds: u32, number: u64) -> Self {
        self.raw(0x07, "_id", &[&seconds.to_be_bytes()[..], &number.to_be_bytes()[..]].concat())
    }

    pub fn done(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() + 5).expect("length");
        [&length.to_le_bytes()[..], &self.0, &[0]].concat()
    }
}

/// A BSON string: length, bytes, zero.
pub fn string(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len() + 1).expect("length");
    [&length.to_le_bytes()[..], text.as_bytes(), &[0]].concat()
}

/// Writes an archive piece by piece.
pub struct Writer<W> {
    pub out: W,
    /// The checksum of what was written, by `db.collection`.
    crcs: HashMap<String, u64>,
}

impl<W: Write> Writer<W> {
    /// Begins with the magic and the header of a dump of this server.
    pub fn new(mut out: W, server: &str) -> Self {
        let header = Doc::new().int32("concurrent_collections", 4).text("version", "0.1").text("server_version", server);
        out.write_all(&[0x6d, 0xe2, 0x99, 0x81]).expect("write");
        out.write_all(&header.text("tool_version", "100.10.0").done()).expect("write");
        Self { out, crcs: HashMap::new() }
    }

    /// Lists a collection.
    pub fn list(&mut self, db: &str, collection: &str, kind: &str, metadata: &str) {
        let entry = Doc::new().text("db", db).text("collection", collection).text("metadata", metadata);
        self.out.write_all(&entry.int32("size", 0).text("type", kind).done()).expect("write");
    }

    /// Lists an ordinary collection with the index that each has.
    pub fn list_plain(&mut self, db: &str, collection: &str) {
        self.list(db, collection, "collection", &metadata("collection", collection, "", &[("_id_", "_id")]));
    }

    /// Ends the list, or a block that was begun by hand.
    pub fn terminate(&mut self) {
        self.out.write_all(&TERMINATOR).expect("write");
    }

    /// Writes a block of documents.
    pub fn block(&mut self, db: &str, collection: &str, documents: &[u8]) {
        let crc = self.crcs.entry(format!("{db}.{collection}")).or_default();
        *crc = crc64(*crc, documents);
        self.out.write_all(&head(db, collection, false, 0)).expect("write");
        self.out.write_all(documents).expect("write");
        self.terminate();
    }

    /// Writes the last block of a collection.
    pub fn close(&mut self, db: &str, collection: &str) {
        let crc = self.crcs.get(&format!("{db}.{collection}")).copied().unwrap_or_default();
        self.out.write_all(&head(db, collection, true, crc)).expect("write");
        self.terminate();
    }
}

/// The header of a block.
pub fn head(db: &str, collection: &str, closing: bool, crc: u64) -> Vec<u8> {
    let doc = Doc::new().text("db", db).text("collection", collection);
    doc.bool("EOF", closing).int64("CRC", crc.cast_signed()).done()
}

/// The JSON that the list has of a collection. `options` are the fields of an object; `indexes` are names and their one key.
pub fn metadata(kind: &str, collection: &str, options: &str, indexes: &[(&str, &str)]) -> String {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let index = |(name, key): &(&str, &str)| {
        let (name, key) = (json(name), json(key));
        format!(r#"{{"v":{{"$numberInt":"2"}},"key":{{{key}:{{"$numberInt":"1"}}}},"name":{name}}}"#)
    };
    let indexes = indexes.iter().map(index).collect::<Vec<_>>().join(",");
    let uuid = format!("{:032x}", crc64(0, collection.as_bytes()));
    let name = json(collection);
    format!(r#"{{"options":{{{options}}},"indexes":[{indexes}],"uuid":"{uuid}","collectionName":{name},"type":"{kind}"}}"#)
}

/// A document with every type that BSON has.
pub fn every_type(number: i32) -> Vec<u8> {
    let scope = Doc::new().int32("x", 1).done();
    let code = string("function() { return x }");
    let total = u32::try_from(4 + code.len() + scope.len()).expect("length");
    let nested = (0..20).fold(Doc::new().int32("deep", number), |inner, _| Doc::new().doc("inner", inner));
    let doc = Doc::new().id(1_700_000_000, u64::from(number.unsigned_abs()));
    let doc = doc.raw(0x01, "double", &1.5f64.to_le_bytes()).text("string", "Grüße").text("empty", "");
    let doc = doc.doc("document", nested).doc("nothing", Doc::new()).array("array", Doc::new().int32("0", 1).text("1", "x"));
    let doc = doc.raw(0x05, "binary", &[&3u32.to_le_bytes()[..], &[0, 1, 2, 3]].concat()).raw(0x05, "no binary", &[0; 5]);
    let doc = doc.raw(0x06, "undefined", &[]).bool("true", true).bool("false", false);
    let doc =
        doc.raw(0x09, "date", &1_700_000_000_000i64.to_le_bytes()).raw(0x0a, "null", &[]).raw(0x0b, "regex", b"^a.*b$\0im\0");
    let doc = doc.raw(0x0c, "pointer", &[&string("db.other")[..], &[7; 12]].concat()).raw(0x0d, "code", &code);
    let doc = doc.raw(0x0e, "symbol", &string("symbol"));
    let doc = doc.raw(0x0f, "scope", &[&total.to_le_bytes()[..], &code, &scope].concat());
    let doc = doc.int32("int32", number).raw(0x11, "timestamp", &[1; 8]).int64("int64", i64::MIN).raw(0x13, "decimal", &[9; 16]);
    doc.raw(0xff, "smallest", &[]).raw(0x7f, "largest", &[]).text("", "a field without a name").done()
}
