//! Questions over DNS, each over UDP and over TCP: RFC 1035, section 4.2.

use super::rdata;
use super::record::{Identity, ZoneRecord, host};
use super::serve::absolute;
use crate::error::{Error, Result};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The server is in this process: an answer takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is wanted over UDP, in bytes. Larger ones come over TCP.
const LARGEST_DATAGRAM: u16 = 1232;

/// A client of one server.
pub(super) struct Asker {
    udp: UdpSocket,
    tcp: TcpStream,
    asked: usize,
}

impl Asker {
    pub async fn connect(by_udp: SocketAddr, by_tcp: SocketAddr) -> Result<Self> {
        let cannot = |e: std::io::Error| Error::harness(format!("cannot reach the name server of the test: {e}"));
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
        udp.connect(by_udp).await.map_err(cannot)?;
        let tcp = TcpStream::connect(by_tcp).await.map_err(cannot)?;
        Ok(Self { udp, tcp, asked: 0 })
    }

    /// How many questions were asked.
    pub const fn asked(&self) -> usize {
        self.asked
    }

    /// What is answered to one question over both transports: what only one of them tells is no answer.
    ///
    /// # Errors
    /// Harness: no answer comes, or none that can be read.
    pub async fn ask(&mut self, name: &str, kind: &str) -> Result<Vec<Identity>> {
        let (Some(owner), Ok(record_type)) = (absolute(name), rdata::kind(kind)) else { return Ok(Vec::new()) };
        let id = u16::try_from(self.asked % usize::from(u16::MAX)).unwrap_or_default();
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(owner, record_type));
        let mut edns = Edns::new();
        edns.set_max_payload(LARGEST_DATAGRAM);
        message.set_edns(edns);
        let question = message.to_vec().map_err(|e| Error::harness(format!("cannot ask for {kind} {name}: {e}")))?;
        let failed =
            |e: std::io::Error| Error::harness(format!("the name server of the test does not answer for {kind} {name}: {e}"));
        let by_udp = within(datagram(&self.udp, &question, id)).await.map_err(failed)?;
        let by_tcp = within(over_stream(&mut self.tcp, &question)).await.map_err(failed)?;
        self.asked += 2;
        let answers = of(&by_tcp, name, kind);
        if by_udp.metadata.truncation {
            return Ok(answers);
        }
        let also = of(&by_udp, name, kind);
        Ok(answers.into_iter().filter(|identity| also.contains(identity)).collect())
    }
}

async fn within(answer: impl Future<Output = std::io::Result<Message>>) -> std::io::Result<Message> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

async fn datagram(socket: &UdpSocket, question: &[u8], id: u16) -> std::io::Result<Message> {
    socket.send(question).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let size = socket.recv(&mut buffer).await?;
        let message = Message::from_vec(&buffer[..size]).map_err(std::io::Error::other)?;
        if message.metadata.id == id {
            return Ok(message);
        }
    }
}

async fn over_stream(stream: &mut TcpStream, question: &[u8]) -> std::io::Result<Message> {
    let size = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&size.to_be_bytes(), question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Message::from_vec(&answer).map_err(std::io::Error::other)
}

/// The answers to the very question. Where a CNAME is followed, what stands behind it is another's answer.
fn of(message: &Message, name: &str, kind: &str) -> Vec<Identity> {
    if message.metadata.response_code != ResponseCode::NoError || !message.metadata.authoritative {
        return Vec::new();
    }
    let Ok(record_type) = rdata::kind(kind) else { return Vec::new() };
    let theirs = message.answers.iter().filter(|r| r.record_type() == record_type && host(&r.name.to_ascii()) == name);
    let record = |record: &hickory_proto::rr::Record| ZoneRecord {
        name: name.to_owned(),
        kind: kind.to_owned(),
        content: String::new(),
        ttl: record.ttl,
        data: Ok(record.data.clone()),
    };
    theirs.map(|r| record(r).identity()).collect()
}
