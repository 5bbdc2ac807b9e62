//! The transaction of a request: as whom, with which settings, how it ends (contract: section 14).

use std::sync::Arc;

use basalt_db::{Answer, Count, CountKind, Format, Request, TransactionEnd};

use crate::door::{Door, Exchange};
use crate::error::RestResult;
use crate::parse::prefer::{self, Preferences};
use crate::settings::settings;

impl Exchange<'_> {
    /// Whether the caller may say how its transaction ends. That of a batch is the batch's.
    pub(crate) fn ends(&self, door: &Door) -> bool {
        door.options.end_override && self.incoming.within.is_none()
    }
}

impl Door {
    /// How a transaction ends that the caller has preferences for.
    pub(crate) fn end(&self, preferences: &Preferences) -> TransactionEnd {
        match (self.options.end_override, preferences.commit) {
            (true, Some(true)) => TransactionEnd::Commit,
            (true, Some(false)) => TransactionEnd::Rollback,
            _ => self.options.end,
        }
    }

    /// Runs a request of an exchange, in the transaction that it belongs to.
    pub(crate) async fn run(&self, exchange: &Exchange<'_>, request: Request) -> RestResult<Answer> {
        let answer = match exchange.incoming.within {
            Some(transaction) => transaction.lock().await.run(request).await,
            None => self.database.run(request).await,
        };
        answer.map_err(|error| exchange.database_error(&error))
    }

    /// A statement, its parameters apart, as the caller of the exchange.
    pub(crate) fn request(
        &self,
        exchange: &Exchange<'_>,
        statement: &basalt_query::Statement,
        params: Vec<Option<String>>,
        read_only: bool,
        format: Format,
    ) -> Request {
        let mut request = self.transaction(exchange, statement.sql.clone(), params);
        request.read_only = read_only;
        request.format = format;
        request.with = statement.with;
        request.columns = statement.columns.clone();
        request.count = statement.count_sql.clone().map(|sql| Count {
            sql,
            params: statement.count_params,
            kind: match exchange.preferences.count.filter(|_| self.may_estimate(exchange)) {
                Some(prefer::Count::Planned) => CountKind::Planned,
                Some(prefer::Count::Estimated) => CountKind::Estimated(self.options.planning.max_rows),
                _ => CountKind::Exact,
            },
        });
        request
    }

    /// Whether the caller may be told what the database's planner makes of a table. It makes it of all rows, hidden ones included.
    fn may_estimate(&self, exchange: &Exchange<'_>) -> bool {
        let (catalog, role) = (exchange.current.planner.catalog(), &exchange.incoming.identity.role);
        self.options.estimates || catalog.bypasses_policies(role)
    }

    /// A transaction of the caller's that only asks whether there may be one: the role, and the function called before requests.
    pub(crate) async fn admit(&self, exchange: &Exchange<'_>) -> RestResult<()> {
        let mut request = self.transaction(exchange, "SELECT 1".into(), Vec::new());
        request.read_only = true;
        request.format = Format::None;
        self.run(exchange, request).await.map(drop)
    }

    /// SQL as the caller of the exchange, with the settings that its functions may read.
    fn transaction(&self, exchange: &Exchange<'_>, sql: Arc<str>, params: Vec<Option<String>>) -> Request {
        let preferences = &exchange.preferences;
        let mut request = Request::new(exchange.incoming.identity.clone(), sql, params);
        request.as_owner = false;
        request.search_path = exchange.current.search_path(exchange.schema);
        request.pre_request = self.options.pre_request.clone();
        request.end = match exchange.incoming.within {
            // The batch decides.
            Some(_) => TransactionEnd::Commit,
            None => self.end(preferences),
        };
        if exchange.current.reads_settings || self.options.pre_request.is_some() {
            request.settings = settings(&exchange.incoming);
            request.settings.extend(self.options.app_settings.iter().cloned());
        }
        if let Some(zone) = &preferences.timezone {
            request.settings.push(("timezone".into(), zone.clone()));
        }
        request
    }
}
