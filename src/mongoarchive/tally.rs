//! What is counted of one collection while its documents pass.

use super::finish::is_oplog;
use super::{Kind, Namespace, bson};
use crc_fast::{CrcAlgorithm, Digest};

/// The sums of one collection.
pub(super) struct Tally {
    pub(super) documents: u64,
    /// Something is wrong with its documents.
    pub(super) faulty: bool,
    bytes: u64,
    digest: Option<Box<Digest>>,
    /// Seconds of the newest time.
    newest: Option<u32>,
    measurements: Option<u64>,
    role: Role,
}

/// What its documents are.
enum Role {
    Documents,
    Buckets { time_field: String },
    Oplog,
}

impl Tally {
    pub(super) fn new(namespace: &Namespace) -> Self {
        let role = match &namespace.kind {
            Kind::TimeSeries { time_field } => Role::Buckets { time_field: time_field.clone() },
            _ if is_oplog(namespace) => Role::Oplog,
            _ => Role::Documents,
        };
        let measurements = matches!(role, Role::Buckets { .. }).then_some(0);
        Self { documents: 0, faulty: false, bytes: 0, digest: None, newest: None, measurements, role }
    }

    /// Looks into a sound document for what is counted besides the document itself.
    pub(super) fn look_at(&mut self, document: &[u8]) {
        let time = match &self.role {
            Role::Oplog => bson::field(document, "ts").and_then(|field| field.timestamp()),
            Role::Documents => bson::id_seconds(document),
            Role::Buckets { time_field } => {
                let more = measurements(document, time_field);
                self.measurements = self.measurements.zip(more).and_then(|(sum, more)| sum.checked_add(more));
                bson::id_seconds(document)
            }
        };
        self.newest = self.newest.max(time);
    }

    /// Adds the bytes of documents.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.digest.get_or_insert_with(|| Box::new(Digest::new(CrcAlgorithm::Crc64Xz))).update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The CRC-64/XZ of all bytes that were added: that of none is 0.
    pub(super) fn crc(&self) -> u64 {
        self.digest.as_ref().map_or(0, |digest| digest.finalize())
    }

    /// Writes the sums down.
    pub(super) fn tell(&self, namespace: &mut Namespace) {
        namespace.documents = self.documents;
        namespace.bytes = self.bytes;
        namespace.measurements = self.measurements;
        namespace.newest = self.newest.and_then(bson::time);
    }
}

/// How many measurements are in a bucket: compressed ones say it in `control.count`, the others have one field per measurement in
/// `data.<time field>` (`bucket_catalog` of the server; bucket versions 1, 2 and 3).
fn measurements(bucket: &[u8], time_field: &str) -> Option<u64> {
    let control = bson::field(bucket, "control")?.document()?;
    if let Some(count) = bson::field(control, "count") {
        return count.int32().map(i64::from).or(count.int64()).and_then(|n| u64::try_from(n).ok());
    }
    let times = bson::field(bson::field(bucket, "data")?.document()?, time_field)?.document()?;
    Some(bson::elements(times).count() as u64)
}
