//! Faults of the store: each is survived, with every byte as it was stored, or told in words. None is the backup's fault.

use crate::support::faulty_s3::{ACCESS_KEY, Asked, BUCKET, Fault, FaultyS3, SECRET_KEY, refuse};
use assay::error::{Blame, Error};
use assay::open::arrive::{Arriving, Order, Taken, arrive};
use assay::open::unpack::unpack;
use assay::run::progress::Progress;
use assay::scenario::{Credentials, S3Spec, Waits};
use assay::secret::{SecretRef, Secrets};
use assay::store::fetch::{FetchPolicy, fetch_with};
use assay::store::retry::Retry;
use assay::store::s3::S3Store;
use assay::store::{Object, Store};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

const KEY: &str = "a.gz";
const PART: u64 = 64 << 10;
const FAST: Retry = Retry { attempts: 4, base: Duration::from_millis(1), longest: Duration::from_millis(4) };
const STALL: Duration = Duration::from_millis(200);

/// A client of a misbehaving server, with an object in it.
struct Bench {
    server: FaultyS3,
    folder: TempDir,
    spec: S3Spec,
    stored: Vec<u8>,
    payload: Vec<u8>,
}

impl Bench {
    async fn new(rule: impl FnMut(&Asked) -> Fault + Send + 'static) -> Self {
        Self::over(FaultyS3::start(rule).await)
    }

    fn over(server: FaultyS3) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let secret = |name: &str, value: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, value).expect("secret");
            SecretRef::File(file)
        };
        let keys = Credentials::Keys {
            access_key_id: secret("id", ACCESS_KEY),
            secret_access_key: secret("secret", SECRET_KEY),
            session_token: None,
        };
        let spec = S3Spec {
            bucket: BUCKET.into(),
            endpoint: Some(server.endpoint()),
            region: None,
            path_style: true,
            prefix: String::new(),
            ca: None,
            credentials: keys,
            waits: Waits { connect: Duration::from_secs(2), stall: STALL },
        };
        let payload = noise(300_000);
        let stored = gzip(&payload);
        server.put(KEY, &stored);
        Self { server, folder, spec, stored, payload }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(S3Store::connect(&self.spec, &Secrets::default()).expect("connect").retrying(FAST))
    }

    async fn list(&self) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        bounded(self.store().list("", None, &mut |object| objects.push(object))).await?;
        Ok(objects)
    }

    /// From the listing to the file in scratch.
    async fn unpacked(&self, parallel: usize) -> Result<Taken, Error> {
        let store = self.store();
        let mut found = None;
        store.list(KEY, None, &mut |object| found = Some(object)).await?;
        let policy = FetchPolicy { part: PART, parallel, retry: FAST };
        let order = Order {
            stored: fetch_with(store, found.expect("the object"), policy),
            layers: Vec::new(),
            secrets: Secrets::default(),
            recognises: Arc::new(|_| true),
        };
        let progress = Progress::new("test", tokio::sync::mpsc::unbounded_channel().0);
        bounded(async {
            let Arriving { stream, intake, .. } = arrive(order, &progress).await?;
            unpack(stream, self.file(), None).await?;
            Ok(intake.taken().expect("read to its end"))
        })
        .await
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("payload")
    }

    /// It came through, and every byte is as it was stored.
    async fn survives(&self, parallel: usize) {
        let unpacked = self.unpacked(parallel).await.expect("survives");
        assert_eq!(unpacked.sha256, hex(&openssl::sha::sha256(&self.stored)));
        assert_eq!(unpacked.stored, self.stored.len() as u64);
        assert!(std::fs::read(self.file()).expect("payload") == self.payload, "the payload differs");
    }

    async fn fails(&self) -> Error {
        harmless(self.unpacked(2).await.expect_err("fails"))
    }

    async fn list_fails(&self) -> Error {
        harmless(self.list().await.expect_err("fails"))
    }
}

/// Whatever happens, nothing hangs. The limit is far above what a slow machine needs, and below a single wait that has none.
async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it hangs")
}

/// No fault of a store is the backup's; every one comes with what to do, and without the SDK's own dumps.
fn harmless(error: Error) -> Error {
    assert_ne!(error.blame, Blame::Backup, "{error}");
    assert!(error.hint.is_some(), "no hint: {error}");
    for dump in ["SdkError", "ServiceError", "DispatchFailure", "{", "Some("] {
        assert!(!error.message.contains(dump), "{error}");
    }
    error
}

fn says(error: &Error, words: &str) {
    assert!(error.message.contains(words), "{words:?} is not in {:?}", error.message);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Bytes that do not compress.
fn noise(size: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| openssl::sha::sha256(&n.to_le_bytes())).take(size).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("write");
    encoder.finish().expect("finish")
}

/// A fault for the first few reads.
fn reads(first: usize, fault: impl Fn() -> Fault + Send + 'static) -> impl FnMut(&Asked) -> Fault + Send {
    move |asked| if !asked.list && asked.nth < first { fault() } else { Fault::Pass }
}

/// A fault for every listing.
fn lists(fault: impl Fn() -> Fault + Send + 'static) -> impl FnMut(&Asked) -> Fault + Send {
    move |asked| if asked.list { fault() } else { Fault::Pass }
}

const FOR_EVER: usize = usize::MAX;

#[tokio::test]
async fn nothing_wrong() {
    for parallel in [1, 4] {
        Bench::new(|_| Fault::Pass).await.survives(parallel).await;
    }
}

#[tokio::test]
async fn busy_for_a_while_is_survived() {
    for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (400, "RequestTimeout")] {
        let bench = Bench::new(move |asked: &Asked| if asked.nth < 2 { refuse(status, code, "") } else { Fault::Pass }).await;
        bench.survives(2).await;
        assert_eq!(bench.server.lists(), 3, "{code}");
    }
}

#[tokio::test]
async fn busy_for_ever_is_told() {
    let error = Bench::new(lists(|| refuse(503, "SlowDown", ""))).await.list_fails().await;
    says(&error, "is busy or out of order (503 SlowDown: made up) (tried 4 times)");
    let error = Bench::new(reads(FOR_EVER, || refuse(503, "", ""))).await.fails().await;
    says(&error, "cannot read a.gz from byte 0 on");
    says(&error, "is busy or out of order (503");
}

#[tokio::test]
async fn a_body_cut_short_is_resumed() {
    let bench = Bench::new(reads(2, || Fault::Cut(10_000))).await;
    bench.survives(2).await;
    assert_eq!(bench.server.reads(), bench.stored.len().div_ceil(64 << 10) + 2);
}

#[tokio::test]
async fn a_body_that_is_always_cut_gets_through_while_it_makes_progress() {
    Bench::new(reads(FOR_EVER, || Fault::Cut(20_000))).await.survives(4).await;
    let error = Bench::new(reads(FOR_EVER, || Fault::Cut(0))).await.fails().await;
    says(&error, "cannot read a.gz from byte 0 on");
    says(&error, "(tried 4 times)");
}

#[tokio::test]
async fn a_body_that_stalls_is_resumed_and_in_the_end_given_up() {
    Bench::new(reads(2, || Fault::Stall(30_000))).await.survives(2).await;
    let error = Bench::new(reads(FOR_EVER, || Fault::Stall(0))).await.fails().await;
    says(&error, "the store sent nothing for 200ms, after 0 of 65536 bytes (tried 4 times)");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let error = Bench::new(reads(FOR_EVER, || Fault::Silence)).await.fails().await;
    says(&error, "does not answer in time (tried 4 times)");
    let error = Bench::new(lists(|| Fault::Silence)).await.list_fails().await;
    says(&error, "does not answer in time (tried 4 times)");
    let error = Bench::new(lists(|| Fault::Stall(40))).await.list_fails().await;
    says(&error, "did not finish its listing within 400ms");
}

#[tokio::test]
async fn an_object_that_is_overwritten_between_two_ranges_is_noticed() {
    for honour in [true, false] {
        let file = Arc::new(OnceLock::<PathBuf>::new());
        let target = file.clone();
        let bench = Bench::new(move |asked: &Asked| {
            if let (false, 1, Some(file)) = (asked.list, asked.nth, target.get()) {
                let mut bytes = std::fs::read(file).expect("read");
                // As large as the one before: only the mark tells them apart.
                bytes.reverse();
                std::fs::write(file, bytes).expect("overwrite");
            }
            // The first range brings the mark, and every one behind it asks for that and nothing else.
            assert_eq!(asked.if_match, !asked.list && asked.nth > 0);
            if honour { Fault::Honour } else { Fault::Pass }
        })
        .await;
        file.set(bench.server.file(KEY)).expect("once");
        let error = harmless(bench.unpacked(1).await.expect_err("overwritten"));
        assert_eq!(error.message, "a.gz was overwritten while it was read", "If-Match honoured: {honour}");
    }
}

#[tokio::test]
async fn an_object_that_shrank_or_went_away_is_noticed() {
    for (shrink, words) in [(true, "was overwritten while it was read"), (false, "went away between the listing and the reading")]
    {
        let bench = Bench::new(|_| Fault::Pass).await;
        let store = bench.store();
        let object = bench.list().await.expect("list").remove(0);
        if shrink {
            bench.server.put(KEY, b"short");
        } else {
            std::fs::remove_file(bench.server.file(KEY)).expect("remove");
        }
        let error = store.read(&object, 100..200).await.err().expect("fails").into_error();
        says(&harmless(error), words);
    }
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_told() {
    let error = Bench::new(reads(FOR_EVER, || Fault::IgnoreRange)).await.fails().await;
    says(&error, "the store sends the whole object when it is asked for a range of it");
}

/// s3s-fs lists everything on one page: make two of it.
fn truncated(xml: &str, token: &str) -> String {
    let xml = xml.replace("<IsTruncated>false</IsTruncated>", "");
    let token = if token.is_empty() { String::new() } else { format!("<NextContinuationToken>{token}</NextContinuationToken>") };
    xml.replace("</ListBucketResult>", &format!("<IsTruncated>true</IsTruncated>{token}</ListBucketResult>"))
}

/// A page with these keys, and a token when there are more.
fn page(keys: &[&str], token: &str) -> Fault {
    let entry = |key: &&str| {
        let modified = "2026-11-21T03:00:00.000Z";
        format!("<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>\"x\"</ETag><Size>7</Size></Contents>")
    };
    let keys: String = keys.iter().map(entry).collect();
    let xml = format!("<?xml version=\"1.0\"?><ListBucketResult>{keys}<IsTruncated>false</IsTruncated></ListBucketResult>");
    let xml = if token.is_empty() { xml } else { truncated(&xml, token) };
    Fault::Answer(200, vec![("content-type", "application/xml")], xml)
}

#[tokio::test]
async fn a_listing_that_loops_ends_with_an_error() {
    let bench = Bench::new(|_| page(&["a", "b"], "again")).await;
    let error = bench.list_fails().await;
    says(&error, "the listing of s3://backups/ does not end: a page came a second time");
    assert_eq!(bench.server.lists(), 2);
    let bench = Bench::new(|asked| page(&["a", "b"], &format!("token-{}", asked.nth))).await;
    says(&bench.list_fails().await, "a page came a second time");
    says(&Bench::new(|_| page(&[], "again")).await.list_fails().await, "a continuation token came a second time");
    let bench = Bench::new(|asked| page(&[], &format!("token-{}", asked.nth))).await;
    says(&bench.list_fails().await, "1000 pages in a row were empty");
}

#[tokio::test]
async fn a_listing_that_breaks_off_without_a_token_is_told() {
    let error = Bench::new(lists(|| Fault::Edit(|xml| truncated(&xml, "")))).await.list_fails().await;
    says(&error, "no continuation token");
}

#[tokio::test]
async fn pages_are_joined_whatever_their_order() {
    let bench = Bench::new(move |asked: &Asked| match asked.token.as_deref() {
        None => page(&["c", "a", "elsewhere/x"], "1"),
        Some("1") => page(&[], "2"),
        Some(_) => page(&["d", "b"], ""),
    })
    .await;
    let keys: Vec<_> = bench.list().await.expect("list").into_iter().map(|o| o.key).collect();
    assert_eq!(keys, ["c", "a", "elsewhere/x", "d", "b"]);
    // A server that looks at neither `prefix` nor `start-after` cannot slip anything in.
    let mut keys = Vec::new();
    bench.store().list("", Some("b"), &mut |object| keys.push((object.key, object.size, object.etag))).await.expect("list");
    let seven = |key: &str| (key.to_owned(), 7, Some("\"x\"".to_owned()));
    assert_eq!(keys, [seven("c"), seven("elsewhere/x"), seven("d")]);
}

#[tokio::test]
async fn what_the_store_refuses_is_told_in_words_with_a_hint() {
    let region = "<Region>eu-central-003</Region>";
    for (status, code, more, words, hint) in [
        (
            403,
            "AccessDenied",
            "",
            "access denied: the store does not let us list s3://backups/ (403 AccessDenied",
            "s3:ListBucket",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            region,
            "the region (none given) of the bucket backups is wrong",
            "region: eu-central-003",
        ),
        (301, "PermanentRedirect", "", "the region (none given) of the bucket backups is wrong", "`region`"),
        (404, "NoSuchBucket", "", "there is no bucket backups at http://127.0.0.1", "`bucket`"),
        (403, "SignatureDoesNotMatch", "", "the secret access key is wrong", "secret_access_key"),
        (403, "InvalidAccessKeyId", "", "does not know the access key id", "access_key_id"),
        (403, "RequestTimeTooSkewed", "", "the clock of this machine", "Set the clock"),
        (400, "ExpiredToken", "", "temporary credentials have expired", "new ones"),
    ] {
        let bench = Bench::new(lists(move || refuse(status, code, more))).await;
        let error = bench.list_fails().await;
        says(&error, words);
        assert!(error.hint.as_deref().is_some_and(|h| h.contains(hint)), "{hint:?} is not in {:?}", error.hint);
        let blame = if code == "NoSuchBucket" { Blame::Scenario } else { Blame::Harness };
        assert_eq!((error.blame, bench.server.lists()), (blame, 1), "{code}");
    }
    let error = Bench::new(reads(FOR_EVER, || refuse(403, "AccessDenied", ""))).await.fails().await;
    says(&error, "access denied: the store does not let us read a.gz");
}

#[tokio::test]
async fn the_real_server_refuses_a_wrong_secret_and_a_wrong_bucket() {
    let mut bench = Bench::new(|_| Fault::Pass).await;
    bench.spec.bucket = "elsewhere".into();
    let error = bench.list_fails().await;
    says(&error, "there is no bucket elsewhere at http://127.0.0.1");
    bench.spec.bucket = BUCKET.into();
    std::fs::write(bench.folder.path().join("secret"), "wrong").expect("write");
    says(&bench.list_fails().await, "the secret access key is wrong");
}

#[tokio::test]
async fn an_answer_that_is_no_listing_is_told() {
    let page = || Fault::Answer(200, vec![("content-type", "text/html")], "<!doctype html><p>Please log in".into());
    let error = Bench::new(lists(page)).await.list_fails().await;
    says(&error, "answers with something that is not S3's XML");
    let half = |xml: String| xml[..xml.len() / 2].to_owned();
    let error = Bench::new(lists(move || Fault::Edit(half))).await.list_fails().await;
    says(&error, "answers with something that is not S3's XML");
    let once = move |asked: &Asked| if asked.list && asked.nth == 0 { Fault::Edit(half) } else { Fault::Pass };
    Bench::new(once).await.survives(2).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_told_and_trusted_with_its_authority() {
    let mut bench = Bench::over(FaultyS3::start_tls().await);
    let error = bench.list_fails().await;
    says(&error, "is not trusted");
    assert!(error.hint.as_deref().is_some_and(|h| h.contains("`ca:`")), "{:?}", error.hint);
    bench.spec.ca = bench.server.ca.clone();
    bench.survives(2).await;
}

#[tokio::test]
async fn tls_where_there_is_none_is_told() {
    let mut bench = Bench::new(|_| Fault::Pass).await;
    bench.spec.endpoint = Some(bench.server.endpoint().replace("http:", "https:"));
    says(&bench.list_fails().await, "does not speak TLS");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let mut bench = Bench::new(|_| Fault::Pass).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("port").port();
    bench.spec.endpoint = Some(format!("http://127.0.0.1:{free}"));
    says(&bench.list_fails().await, "connection refused by http://127.0.0.1");
    bench.spec.endpoint = Some("http://store.invalid".into());
    says(&bench.list_fails().await, "the name in http://store.invalid does not resolve");
    bench.spec.endpoint = Some("not a URL".into());
    says(&bench.list_fails().await, "the request to not a URL cannot be made (Custom endpoint `not a URL` was not a valid URI)");
}
