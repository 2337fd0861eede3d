//! A statement that is put together of the program's own texts and of values that are bound.

use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Executor, Type};

use super::DatabaseError;

/// A statement in the making. Texts come from the program alone; whatever came from outside is bound.
#[derive(Default)]
pub struct Statement {
    sql: String,
    arguments: AnyArguments,
    bound: usize,
}

impl Statement {
    /// Begins with a text.
    pub fn new(text: &'static str) -> Self {
        Self {
            sql: text.to_owned(),
            ..Self::default()
        }
    }

    /// Goes on with a text.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// Goes on with a value: a text, a whole number, a fraction, or one of these that may be missing.
    pub fn bind<'v, Value>(&mut self, value: Value) -> &mut Self
    where
        Value: Encode<'v, Any> + Type<Any>,
    {
        self.bound += 1;
        self.sql.push('$');
        self.sql.push_str(&self.bound.to_string());
        // These types cannot fail; a value that was missing would be told by the database.
        let _ = self.arguments.add(value);
        self
    }

    /// Goes on with values in a row, parted by commas.
    pub fn bind_all<'v, Value>(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self
    where
        Value: Encode<'v, Any> + Type<Any>,
    {
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Runs it; tells how many rows were changed.
    pub async fn execute<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<u64, DatabaseError> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        let done: AnyQueryResult = query.execute(on).await?;
        Ok(done.rows_affected())
    }

    /// Runs it and takes all rows.
    pub async fn fetch_all<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Vec<AnyRow>, DatabaseError> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        Ok(query.fetch_all(on).await?)
    }

    /// Runs it and takes the first row.
    pub async fn fetch_optional<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Option<AnyRow>, DatabaseError> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        Ok(query.fetch_optional(on).await?)
    }
}
