//! The HTTP client against a server that misbehaves.

use crate::support::double::{Double, Fault, Reply};
use assay::error::{Blame, Result};
use assay::http::{Answer, Ask, Http, Manners};
use assay::secret::Secrets;
use assay::store::retry::Retry;
use std::time::Duration;

fn manners() -> Manners {
    let retry = Retry { attempts: 3, base: Duration::from_millis(1), longest: Duration::from_millis(4) };
    Manners { retry, answer: Duration::from_millis(300), largest: 1000, ..Manners::default() }
}

async fn ask(url: &str) -> Result<Answer> {
    Http::new(manners(), &Secrets::default()).expect("client").ask(&Ask::get(url)).await
}

#[tokio::test]
async fn silence_and_floods_and_nobody_are_told() {
    let silent = Double::start(|_, _| Reply::json(200, "{}").fault(Fault::Silence)).await;
    let flood = Double::start(|_, _| Reply::json(200, "x".repeat(1001))).await;
    let nobody = "http://127.0.0.1:1/v4?secret=1".to_owned();
    for (url, words) in [
        (silent.url.clone(), "does not answer in time"),
        (flood.url.clone(), "is larger than 1000 bytes"),
        (nobody, "http://127.0.0.1:1/v4 cannot be reached"),
        ("no url".to_owned(), "cannot be asked"),
    ] {
        let error = ask(&url).await.expect_err(words);
        assert!(error.message.contains(words) && error.blame != Blame::Backup, "{error}");
        assert!(!error.message.contains("secret="), "{error}");
    }
    // What may become better was tried again, what cannot was not.
    assert_eq!((silent.asked().len(), flood.asked().len()), (3, 1));
    assert_eq!(
        ask(&Double::start(|_, _| Reply::json(200, "x".repeat(1000))).await.url).await.expect("answer").body().len(),
        1000
    );
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_only() {
    let same = Double::start(|asked, _| match asked.path.as_str() {
        "/new" => Reply::json(200, "\"here\""),
        "/circle" => Reply::json(302, "").header("location", "/circle"),
        _ => Reply::json(302, "").header("location", "/new"),
    })
    .await;
    assert_eq!(ask(&same.url).await.expect("answer").body(), b"\"here\"");
    let other = Double::start({
        let target = same.url.replace("127.0.0.1", "localhost");
        move |_, _| Reply::json(307, "").header("location", target.clone())
    })
    .await;
    let error = ask(&other.url).await.expect_err("elsewhere");
    assert!(error.message.contains("it redirects to another host, localhost"), "{error}");
    let before = same.asked().len();
    assert!(ask(&format!("{}/circle", same.url)).await.expect_err("circle").message.contains("in a circle"));
    assert!(same.asked().len() - before <= 7);
}

#[tokio::test]
async fn the_last_answer_of_a_server_in_trouble_is_handed_out() {
    let down = Double::start(|_, _| Reply::page(503)).await;
    assert_eq!(
        ask(&down.url).await.expect("answer").refused(None).message,
        format!("{}/ answers 503 Service Unavailable with a web page", down.url).replace("/ answers", " answers")
    );
    assert_eq!(down.asked().len(), 3);
}

#[cfg(feature = "demo")]
#[tokio::test]
async fn a_server_with_an_authority_of_ones_own_is_trusted_by_its_file_only() {
    use crate::support::faulty_s3::FaultyS3;
    let server = FaultyS3::start_tls().await;
    let error = ask(&server.endpoint()).await.expect_err("a stranger");
    assert!(error.message.contains("cannot be trusted") && error.hint.is_some_and(|h| h.contains("`ca`")), "{}", error.message);
    let manners = Manners { ca: server.ca.clone(), ..manners() };
    let http = Http::new(manners, &Secrets::default()).expect("client");
    assert!(http.ask(&Ask::get(server.endpoint())).await.is_ok());
}
