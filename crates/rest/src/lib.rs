//! Front door: the PostgREST dialect.
