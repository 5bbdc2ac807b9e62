//! How the database stands when somebody looks (PostgreSQL's connections, the embedded engine's queues, what the change log
//! asked), and the way to other nodes.
//!
//! Read at each look rather than counted along, since a process may have several databases. What PostgREST tells of its pool has
//! PostgREST's names too, for dashboards that know them.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use basalt_db::Database;
use basalt_messaging::Bus;

use crate::token::Remembered;

/// Appends what users' passwords cost.
pub(crate) fn write_hashes(hashes: u64, text: &mut String) {
    family(text, "basalt_password_hashes_total", "counter", &[("", hashes)]);
}

/// Appends how often tokens were remembered.
pub(crate) fn write_tokens(remembered: Remembered, text: &mut String) {
    let Remembered { asked, found, forgotten } = remembered;
    for (name, count) in [("requests", asked), ("hits", found), ("evictions", forgotten)] {
        family(text, &format!("pgrst_jwt_cache_{name}_total"), "counter", &[("", count)]);
    }
}

/// Appends the state of the database and of messaging in Prometheus' text format.
pub(crate) fn write(database: &Database, bus: &Bus, text: &mut String) {
    family(text, "basalt_policy_questions_total", "counter", &[("", database.changes().asked())]);
    if let Some(postgres) = database.postgres() {
        let pool = postgres.connections();
        let (most, open, idle) = (pool.most as u64, pool.open as u64, pool.idle as u64);
        let waiting = pool.waiting as u64;
        family(text, "basalt_pool_connections", "gauge", &[("{state=\"open\"}", open), ("{state=\"idle\"}", idle)]);
        family(text, "basalt_pool_size", "gauge", &[("", most)]);
        family(text, "basalt_waiting", "gauge", &[("{for=\"connection\"}", waiting)]);
        family(text, "basalt_pool_timeouts_total", "counter", &[("", pool.timeouts)]);
        family(text, "basalt_refused_total", "counter", &[("", pool.refused)]);
        family(text, "pgrst_db_pool_available", "gauge", &[("", idle)]);
        family(text, "pgrst_db_pool_waiting", "gauge", &[("", waiting)]);
        family(text, "pgrst_db_pool_max", "gauge", &[("", most)]);
        family(text, "pgrst_db_pool_timeouts_total", "counter", &[("", pool.timeouts)]);
        let loads = postgres.loads();
        let counted = [("{status=\"SUCCESS\"}", loads.succeeded), ("{status=\"FAIL\"}", loads.failed)];
        family(text, "pgrst_schema_cache_loads_total", "counter", &counted);
        family(text, "pgrst_schema_cache_query_time_seconds", "gauge", &[("", loads.took.as_secs_f64())]);
    }
    if let Some(embedded) = database.embedded() {
        let (readers, writer) = embedded.queued();
        let waiting = [("{for=\"reader\"}", readers as u64), ("{for=\"writer\"}", writer as u64)];
        family(text, "basalt_waiting", "gauge", &waiting);
        let stats = embedded.stats();
        let counted = |counter: &AtomicU64| [("", counter.load(Ordering::Relaxed))];
        family(text, "basalt_long_reads", "gauge", &[("", embedded.long_reads() as u64)]);
        family(text, "basalt_pool_timeouts_total", "counter", &counted(&stats.timeouts));
        family(text, "basalt_refused_total", "counter", &counted(&stats.refused));
        family(text, "basalt_commits_total", "counter", &counted(&stats.commits));
        family(text, "basalt_statement_panics_total", "counter", &counted(&stats.panics));
    }
    if let Some(standing) = bus.standing() {
        family(text, "basalt_nodes_connected", "gauge", &[("", u64::from(standing.connected))]);
        family(text, "basalt_nodes_others", "gauge", &[("", standing.others as u64)]);
        let messages = [("{direction=\"sent\"}", standing.sent), ("{direction=\"received\"}", standing.received)];
        family(text, "basalt_nodes_messages_total", "counter", &messages);
        family(text, "basalt_nodes_dropped_total", "counter", &[("", standing.dropped)]);
        family(text, "basalt_nodes_lost_total", "counter", &[("", standing.lost)]);
        family(text, "basalt_nodes_rejected_total", "counter", &[("", standing.rejected)]);
        family(text, "basalt_nodes_reconnected_total", "counter", &[("", standing.reconnected)]);
    }
}

/// A metric: its type, and a value for each set of labels.
fn family(text: &mut String, name: &str, kind: &str, values: &[(&str, impl Display)]) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "# TYPE {name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}
