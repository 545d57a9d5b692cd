//! A place to try `MongoDB` in: a server that speaks its protocol, the real tools of two years, and archives made by them.

use crate::lab::open_folder;
use crate::require;
use assay::census::Census;
use assay::error::Result;
use assay::open::arrive::{Arriving, Intake, Order, arrive};
use assay::run::progress::Progress;
use assay::runtime::local::{Instance, LocalRuntime, Room, Scratch};
use assay::scenario::RuntimeSettings;
use assay::secret::Secrets;
use assay::subject::mongodb::{Mongodb, MongodbSpec, client};
use assay::subject::{Body, Facts, Payload, Restored, Subject, Surveyed, Wanted};
use futures_util::StreamExt as _;
#[cfg(feature = "demo")]
use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use mongodb::{Client, IndexModel};
use std::process::Command;
use std::sync::Arc;

/// Gone when it is dropped, with everything that was started in it.
pub struct MongoLab {
    pub means: &'static require::MongoDb,
    pub scratch: Scratch,
    runtime: LocalRuntime,
    _base: tempfile::TempDir,
}

/// What a restore came to, however it ended.
pub struct Restore {
    pub surveyed: Surveyed,
    pub restored: Result<Restored>,
    pub intake: Intake,
    pub instance: Instance,
    /// Gone with the server.
    _room: Room,
}

/// A server with data of its own to dump.
pub struct Source {
    pub client: Client,
    tools: std::path::PathBuf,
    instance: Instance,
    room: Room,
}

pub fn subject(spec: MongodbSpec) -> Mongodb {
    Mongodb::new(spec)
}

impl MongoLab {
    /// `None`, said loudly, where there is neither a server nor a way to make one.
    pub fn new() -> Option<Self> {
        let means = require::mongodb()?;
        let base = open_folder();
        let settings = RuntimeSettings {
            cpus: Some(2),
            memory: Some(512 << 20),
            mongodb_bin: vec![means.tools.clone()],
            mongodb_command: means.command.clone(),
            ..RuntimeSettings::default()
        };
        let runtime = LocalRuntime::new(&settings, &Secrets::default()).expect("a runtime").with_cache(None);
        let scratch = Scratch::create(base.path(), "run", runtime.user()).expect("scratch");
        Some(Self { means, scratch, runtime, _base: base })
    }

    async fn start(&self, name: &str) -> (Instance, Room) {
        let room = self.scratch.room(name).expect("room");
        let recipe = subject(MongodbSpec::default()).recipe(&Facts::default()).expect("a server is needed");
        (self.runtime.start(&*recipe, room.path()).await.expect("a server"), room)
    }

    /// A server to fill and to dump.
    pub async fn source(&self) -> Source {
        let (instance, room) = self.start("source").await;
        let client = client::client(instance.place()).expect("a client");
        Source { client, tools: self.means.tools.clone(), instance, room }
    }

    /// Restores an archive as a scenario does, as a stream.
    pub async fn restore(&self, archive: &[u8], spec: &MongodbSpec) -> Result<Restore> {
        let chunks: Vec<_> = archive.chunks(100_000).map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk))).collect();
        let stored = futures_util::stream::iter(chunks).boxed();
        let order = Order { stored, layers: Vec::new(), secrets: Secrets::default(), recognises: Arc::new(|_| true) };
        let progress = Progress::new("test", tokio::sync::mpsc::unbounded_channel().0);
        let Arriving { head, stream, intake, .. } = arrive(order, &progress).await?;
        let subject = subject(spec.clone());
        let facts = subject.inspect(&head, None)?;
        let room = self.scratch.room("restore")?;
        let recipe = subject.recipe(&facts).expect("a server is needed");
        let instance = self.runtime.start(&*recipe, room.path()).await?;
        let attempt = subject.restore(Payload { head, body: Body::Stream(stream) }, &facts, Some(&instance)).await;
        Ok(Restore { surveyed: attempt.surveyed, restored: attempt.restored, intake, instance, _room: room })
    }
}

impl Restore {
    pub async fn census(&self, wanted: &[(&str, &str)]) -> Census {
        let newest = wanted.iter().map(|(group, field)| ((*group).to_owned(), (*field).to_owned())).collect();
        let restored = self.restored.as_ref().expect("restored");
        let wanted = Wanted { newest, before: None };
        subject(MongodbSpec::default()).census(restored, Some(&self.instance), &wanted).await.expect("a census")
    }

    /// Names and states of the outcomes of the restore.
    pub fn outcomes(&self) -> Vec<(&str, assay::check::Status)> {
        let restored = self.restored.as_ref().expect("restored");
        restored.outcomes.iter().map(|outcome| (outcome.check.as_str(), outcome.status)).collect()
    }
}

impl Source {
    /// Fills a collection with numbered documents of a second each, starting with 2026.
    pub async fn fill(&self, db: &str, collection: &str, count: i32) {
        const START: i64 = 1_767_225_600_000;
        let documents = (0..count).map(|n| {
            let made = mongodb::bson::DateTime::from_millis(START + i64::from(n) * 1000);
            doc! { "_id": n, "name": format!("{collection} {n}"), "email": format!("user{n}@example.net"), "made": made }
        });
        self.insert(db, collection, documents.collect()).await;
    }

    pub async fn insert(&self, db: &str, collection: &str, documents: Vec<Document>) {
        self.client.database(db).collection::<Document>(collection).insert_many(documents).await.expect("inserted");
    }

    pub async fn index(&self, db: &str, collection: &str, keys: Document, unique: bool) {
        let options = mongodb::options::IndexOptions::builder().unique(unique).build();
        let model = IndexModel::builder().keys(keys).options(options).build();
        self.client.database(db).collection::<Document>(collection).create_index(model).await.expect("an index");
    }

    /// The address for another process.
    #[cfg(feature = "demo")]
    pub fn url(&self) -> String {
        client::url(self.instance.place())
    }

    /// Everything that is in a database.
    #[cfg(feature = "demo")]
    pub async fn all(&self, db: &str) -> Vec<(String, Vec<Document>)> {
        let database = self.client.database(db);
        let mut all = Vec::new();
        for name in database.list_collection_names().await.expect("collections") {
            let found = database.collection::<Document>(&name).find(doc! {}).sort(doc! { "_id": 1 }).await.expect("documents");
            all.push((name, found.try_collect().await.expect("documents")));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// An archive by the real mongodump.
    pub fn dump(&self, options: &[&str]) -> Vec<u8> {
        self.dump_by(&self.tools, options)
    }

    /// The same by the one in this folder.
    pub fn dump_by(&self, tools: &std::path::Path, options: &[&str]) -> Vec<u8> {
        let output = Command::new(tools.join("mongodump"))
            .arg(format!("--uri={}", client::tools_url(self.instance.place())))
            .arg("--archive")
            .args(options)
            .current_dir(self.room.path())
            .output()
            .expect("mongodump");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}
