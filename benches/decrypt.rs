//! Decrypting beside `openssl enc -d`: the same file, the same machine, in turns; the best of several. Times are printed and never
//! decide anything.

use assay::open::{Kdf, Layer, OpensslEnc, open};
use assay::secret::{SecretRef, Secrets};
use std::error::Error;
use std::fs::File;
use std::io::{Write, copy, sink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SIZE: usize = 512 << 20;
const ROUNDS: usize = 5;
const BUDGET: f64 = 0.9;
const OPTIONS: [&str; 6] = ["-aes-256-cbc", "-salt", "-pbkdf2", "-iter", "100000", "-pass"];

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (plain, stored, key) = (dir.path().join("plain"), dir.path().join("stored"), dir.path().join("key"));
    std::fs::write(&key, "correct-horse")?;
    write_plain(&plain)?;
    tool(&["-e"], &key, &plain, &stored)?;
    let (mut bare, mut own) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        tool(&["-d"], &key, &stored, Path::new("/dev/null"))?;
        bare = bare.min(began.elapsed());
        let began = Instant::now();
        decrypt(&stored, &key)?;
        own = own.min(began.elapsed());
    }
    let speed = bare.as_secs_f64() / own.as_secs_f64();
    println!("512 MiB: openssl enc -d {bare:.2?}, assay {own:.2?}: {speed:.2} x its speed (budget {BUDGET})");
    println!("peak memory of assay: {}", peak()?);
    Ok(())
}

/// Text that begins as an export does, so that the key is recognised.
fn write_plain(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = File::create(path)?;
    let line = b"{\"A\": \"0123456789abcdef0123456789abcdef0123456789abcdef\"}\n".repeat(1 << 14);
    let mut written = 0;
    while written < SIZE {
        file.write_all(&line)?;
        written += line.len();
    }
    Ok(())
}

fn tool(mode: &[&str], key: &Path, from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new("openssl");
    command.arg("enc").args(mode).args(OPTIONS).arg(format!("file:{}", key.display()));
    let status = command.arg("-in").arg(from).stdout(Stdio::from(File::create(to)?)).status()?;
    if status.success() { Ok(()) } else { Err("openssl enc failed".into()) }
}

fn decrypt(stored: &Path, key: &Path) -> Result<(), Box<dyn Error>> {
    let parameters = OpensslEnc {
        passphrases: vec![SecretRef::File(key.to_owned())],
        cipher: "aes-256-cbc".to_owned(),
        kdf: Kdf::Pbkdf2 { iterations: 100_000 },
        digest: "sha256".to_owned(),
        base64: false,
    };
    let layers = [Layer::OpensslEnc(parameters)];
    let mut opened = open(Box::new(File::open(stored)?), &layers, &Secrets::default(), &|_| false)?;
    copy(&mut opened.payload, &mut sink())?;
    Ok(())
}

/// The most that was resident, as the kernel counts it.
fn peak() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().to_owned())
}
