//! Migrations, seeds and imports.
