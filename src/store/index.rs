//! The index: what can be searched for in the store without opening anything sealed.
//!
//! **Architecture invariants:** it holds facts of calls and no word of what was said; telephone numbers only as
//! keyed hashes. It is derived: what is in the vault decides, and the index can be made anew of it. Only whether a
//! call is locked away or held is not in the vault; each has a setter of its own, and [`Index::put`] leaves both as they
//! are once a call is there.

mod columns;
mod conditions;
mod cursor;
mod number;
mod row;
mod totals;
mod write;

use std::collections::BTreeMap;

use super::database::{Database, DatabaseError, DatabaseSettings, Statement};
use super::vault::{RecordName, State};
use columns::{COLUMNS, call, state, text};
use conditions::Driver;

pub use cursor::{Cursor, InvalidCursor};
pub use number::NumberKey;
pub use row::{IndexedCall, NumberHash, Query};
pub use totals::{Group, Totals};

/// Calls that are read at once where all of them are.
const STRIDE: u32 = 1_000;

/// The index, open. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Index {
    database: Database,
}

/// In which order calls are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The latest first.
    #[default]
    NewestFirst,
    /// The earliest first.
    OldestFirst,
}

/// Which part of what is found.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// After this call, the last of the page before; `None` is from the beginning.
    pub after: Option<Cursor>,
    /// How many calls at most; at least 1.
    pub limit: u32,
    /// In which order.
    pub order: Order,
}

impl PageRequest {
    /// The first so many, the latest first.
    pub fn first(limit: u32) -> Self {
        Self {
            after: None,
            limit,
            order: Order::default(),
        }
    }
}

/// A part of what is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The calls.
    pub calls: Vec<IndexedCall>,
    /// Where the next page begins; `None` when this is the last. Calls that come meanwhile do not shift it.
    pub next: Option<Cursor>,
}

/// All that is found, piece by piece; see [`Index::walk`].
#[derive(Debug)]
pub struct Walk {
    index: Index,
    query: Query,
    page: Option<PageRequest>,
}

impl Index {
    /// Opens the database and the index in it.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        Ok(Self::new(Database::open(settings).await?))
    }

    /// The index in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// One call, if it is there.
    pub async fn get(&self, name: &RecordName) -> Result<Option<IndexedCall>, DatabaseError> {
        let mut select = Statement::new("SELECT ");
        select.push(COLUMNS);
        select
            .push(" FROM calls c WHERE c.name = ")
            .bind(name.as_str());
        let row = select.fetch_optional(self.database.pool()).await?;
        row.as_ref().map(call).transpose()
    }

    /// The calls that a query asks for, in the order of time; calls of the same microsecond in that of their names.
    pub async fn search(&self, query: &Query, page: &PageRequest) -> Result<Page, DatabaseError> {
        let limit = page.limit.max(1);
        let driver = Driver::of(query);
        let mut select = Statement::new("SELECT ");
        select.push(COLUMNS);
        driver.push_source(&mut select, query);
        driver.push_conditions(&mut select, query);
        let (before, order) = match page.order {
            Order::NewestFirst => (" < ", " DESC"),
            Order::OldestFirst => (" > ", " ASC"),
        };
        if let Some(after) = &page.after {
            select.push(" AND (").push(driver.time()).push(", ");
            select.push(driver.name()).push(")").push(before).push("(");
            select.bind(after.began()).push(", ");
            select.bind(after.name().as_str()).push(")");
        }
        select.push(" ORDER BY ").push(driver.time()).push(order);
        select.push(", ").push(driver.name()).push(order);
        // One more tells whether there are more.
        select.push(" LIMIT ").bind(i64::from(limit) + 1);
        let rows = select.fetch_all(self.database.pool()).await?;
        let mut calls = rows.iter().map(call).collect::<Result<Vec<_>, _>>()?;
        let is_last = calls.len() <= limit as usize;
        calls.truncate(limit as usize);
        Ok(Page {
            next: calls.last().filter(|_| !is_last).map(Cursor::at),
            calls,
        })
    }

    /// All calls that a query asks for, the earliest first, a thousand at a time. Calls may come and go meanwhile.
    pub fn walk(&self, query: &Query) -> Walk {
        Walk {
            index: self.clone(),
            query: query.clone(),
            page: Some(PageRequest {
                after: None,
                limit: STRIDE,
                order: Order::OldestFirst,
            }),
        }
    }

    /// Does something with each call that a query asks for, the earliest first.
    pub async fn each(
        &self,
        query: &Query,
        mut act: impl FnMut(IndexedCall),
    ) -> Result<(), DatabaseError> {
        let mut walk = self.walk(query);
        while let Some(calls) = walk.next().await? {
            calls.into_iter().for_each(&mut act);
        }
        Ok(())
    }

    /// Sums over the calls that a query asks for, for each combination of the groups that occurs, in their order.
    pub async fn totals(
        &self,
        query: &Query,
        groups: &[Group],
    ) -> Result<Vec<Totals>, DatabaseError> {
        let rows = totals::select(query, groups)
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| totals::read(row, groups)).collect()
    }

    /// The names of all calls, and how far each has come.
    pub async fn names(&self) -> Result<BTreeMap<RecordName, State>, DatabaseError> {
        let rows = Statement::new("SELECT name, state FROM calls")
            .fetch_all(self.database.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let name = RecordName::new(&text(row, 0)?);
                let name = name.map_err(|_| DatabaseError::Row { what: "calls.name" })?;
                Ok((name, state(&text(row, 1)?)?))
            })
            .collect()
    }
}

impl Walk {
    /// The next calls; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<Vec<IndexedCall>>, DatabaseError> {
        let Some(request) = self.page.take() else {
            return Ok(None);
        };
        let page = self.index.search(&self.query, &request).await?;
        self.page = page.next.map(|next| PageRequest {
            after: Some(next),
            ..request
        });
        Ok((!page.calls.is_empty()).then_some(page.calls))
    }
}

#[cfg(test)]
mod tests;
