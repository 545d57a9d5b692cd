//! The look inside a restored database: one aspect at a time, in read-only sessions, several things at once where each takes long.

mod amcheck;
mod catalog;
mod foreign_keys;
mod sequences;

use super::client;
use crate::check::integrity::{Aspect, Examined, Finding, IntegrityCheck};
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::units::Span;
use futures_util::future::try_join_all;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

/// What the server answered to one statement.
type Answer = Result<Vec<Row>, tokio_postgres::Error>;

/// Looks at one aspect of databases. With more than one, every name begins with that of its database.
///
/// # Errors
/// Harness: the server does not answer, or it took too long.
pub async fn examine(databases: &[String], instance: &Instance, check: &IntegrityCheck) -> Result<Examined> {
    let until = check.timeout.map(|limit| Instant::now() + limit);
    let mut all = Examined::default();
    for database in databases {
        let prefix = if databases.len() > 1 { format!("{database}.") } else { String::new() };
        let look = Look { database, prefix, instance, check, until };
        let Examined { looked_at, findings, not_tested } = look.at_aspect().await.map_err(|error| look.explained(&error))?;
        all.looked_at += looked_at;
        all.findings.extend(findings.into_iter().map(|finding| Finding { name: look.full(&finding.name), ..finding }));
        all.not_tested.extend(not_tested);
    }
    all.not_tested.dedup();
    Ok(all)
}

/// One look: where, at what, and how long.
struct Look<'a> {
    database: &'a str,
    /// What stands before every name.
    prefix: String,
    instance: &'a Instance,
    check: &'a IntegrityCheck,
    until: Option<Instant>,
}

impl Look<'_> {
    /// A session that cannot write, and in which no name means anything without its schema.
    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let client = client::connect(self.instance.place(), self.instance.password(), self.database).await?;
        client.batch_execute("SET default_transaction_read_only = on; SET search_path = ''; SET row_security = off").await?;
        Ok(client)
    }

    async fn at_aspect(&self) -> Result<Examined, tokio_postgres::Error> {
        match self.check.aspect {
            Aspect::Indexes => catalog::indexes(self).await,
            Aspect::Constraints => catalog::constraints(self).await,
            Aspect::Triggers => catalog::triggers(self).await,
            Aspect::RowSecurity => catalog::row_security(self).await,
            Aspect::Collations => catalog::collations(self).await,
            Aspect::Sequences => sequences::examine(self).await,
            Aspect::ForeignKeys => foreign_keys::examine(self).await,
            Aspect::Amcheck => amcheck::examine(self).await,
        }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn takes(&self, name: &str) -> bool {
        self.check.filter.takes(&self.full(name))
    }

    /// Asks for rows within what is left of the time.
    async fn ask(&self, client: &Client, sql: &str) -> Answer {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            client.batch_execute(&format!("SET statement_timeout = {}", left.as_millis().min(i32::MAX as u128))).await?;
        }
        client.query(sql, &[]).await
    }

    /// Asks one statement for each thing, on as many connections as the instance may use processors. What stands first is begun
    /// first: the longest should.
    async fn each<T: Sync>(
        &self,
        things: &[T],
        statement: impl Fn(&T) -> String + Sync,
        judge: impl Fn(&T, Answer) -> Result<Option<Finding>, tokio_postgres::Error> + Sync,
    ) -> Result<Vec<Finding>, tokio_postgres::Error> {
        let waiting = Mutex::new(things.iter());
        let workers = self.instance.limits().cpus.clamp(1, things.len().max(1));
        let (waiting, statement, judge) = (&waiting, &statement, &judge);
        let found = try_join_all((0..workers).map(|_| async move {
            let client = self.connect().await?;
            let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
            let mut findings = Vec::new();
            while let Some(thing) = next() {
                findings.extend(judge(thing, self.ask(&client, &statement(thing)).await)?);
            }
            Ok::<_, tokio_postgres::Error>(findings)
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    fn explained(&self, error: &tokio_postgres::Error) -> Error {
        let aspect = self.check.aspect.name();
        match (self.check.timeout, error.code()) {
            (Some(limit), Some(code)) if *code == SqlState::QUERY_CANCELED => {
                Error::harness(format!("looking at {aspect} took longer than {}", Span(limit)))
                    .hint("Raise the check's `timeout`, or leave large things out with `skip`.")
            }
            _ => Error::harness(format!("cannot look at {aspect}: {}", client::message(error))),
        }
    }
}
