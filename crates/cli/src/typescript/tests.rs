//! The generated file, whole, for a schema with one of everything.

use basalt_sql::ddl::{Session, apply, bootstrap};
use basalt_sql::script::{Piece, split};

use super::generate;

const SCHEMA: &str = include_str!("golden.sql");

#[test]
fn a_schema_becomes_the_type_that_the_client_takes() {
    let mut catalog = bootstrap();
    let mut session = Session::default();
    for piece in split(SCHEMA).unwrap() {
        let Piece::Statement { sql, .. } = piece else { panic!("{piece:?}") };
        apply(&mut catalog, &mut session, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
    let generated = generate(&catalog, &["public".into(), "stock".into()]);
    let golden = include_str!("golden.ts");
    if generated != golden {
        let path = std::env::temp_dir().join("basalt-golden.ts");
        std::fs::write(&path, &generated).unwrap();
        panic!("the generated types differ from golden.ts; what was generated is in {}", path.display());
    }
}
