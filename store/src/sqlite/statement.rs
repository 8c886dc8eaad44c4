//! The statements that change registers: one for a single change, and for groups one for 2, 4, 8, ... changes, filled up
//! with rows that have no name and so neither match nor insert anything. SQLite prepares each once.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Sqlite};

use super::group::{Change, Waiting};

const CREATE: &str =
    "INSERT INTO register (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING RETURNING name";
const REPLACE: &str = "UPDATE register SET value = ? WHERE name = ? AND value = ? RETURNING name";

/// Makes the changes of a group in one transaction. Returns the names of the registers that were changed.
///
/// An error is one of the whole group.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    group: &[Waiting],
) -> Result<HashSet<String>, sqlx::Error> {
    let rows = group.len().next_power_of_two();
    let is_create = |waiting: &Waiting| matches!(waiting.change, Change::Create { .. });
    let sql = match (group.first().is_some_and(is_create), rows) {
        (true, 1) => CREATE.to_owned(),
        (true, _) => format!(
            "INSERT INTO register (name, value) SELECT column1, column2 FROM (VALUES {}) \
             WHERE column1 IS NOT NULL ON CONFLICT (name) DO NOTHING RETURNING name",
            ["(?, ?)"].repeat(rows).join(", ")
        ),
        (false, 1) => REPLACE.to_owned(),
        (false, _) => format!(
            "UPDATE register SET value = change.column1 FROM (VALUES {}) AS change \
             WHERE register.name = change.column2 AND register.value = change.column3 RETURNING name",
            ["(?, ?, ?)"].repeat(rows).join(", ")
        ),
    };
    // Made of constants. What is not bound is NULL.
    let mut query = sqlx::query_scalar::<Sqlite, String>(AssertSqlSafe(sql));
    for waiting in group {
        let name = waiting.name.as_str();
        query = match &waiting.change {
            Change::Create { value } => query.bind(name).bind(value.as_slice()),
            Change::Replace { old, new } => {
                query.bind(new.as_slice()).bind(name).bind(old.as_slice())
            }
        };
    }
    let changed = query.fetch_all(connection).await?;
    Ok(changed.into_iter().collect())
}
