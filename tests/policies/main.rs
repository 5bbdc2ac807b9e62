//! Row policies and privileges over whole servers: compared with PostgreSQL and with a naive evaluator, and what they must
//! not tell.

mod ask;
mod columns;
mod demands;
mod evaluator;
mod expression;
mod generate;
mod later_functions;
mod memberships;
mod noninterference;
mod oracle;
mod rules;
mod world;
