//! Real dumps through the real tools: healthy ones come back whole, broken ones are blamed on the right one.

use crate::lab::{Lab, Proof, subject};
use assay::subject::{Subject, Wanted};

const CONTENT: &str = include_str!("../fixtures/content.sql");

#[tokio::test]
async fn timing() {
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", CONTENT).await;
    let t = std::time::Instant::now();
    let dump = server.dump("shop", &["-Fc"]).await;
    eprintln!("dump {:?}", t.elapsed());
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let s = lab.start().await;
        eprintln!("start {:?}", t.elapsed());
        let t = std::time::Instant::now();
        s.instance.stop().await.expect("stop");
        eprintln!("stop {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let proof = lab.restore(&dump).await.expect("restored");
        let Proof { restored, instance, .. } = &proof;
        eprintln!("restore {:?} {:?}", t.elapsed(), restored.outcomes);
        let t = std::time::Instant::now();
        let census = subject().census(restored, instance, &Wanted::default()).await.expect("census");
        eprintln!("census {:?} {census:#?}", t.elapsed());
    }
}
