//! subquery
