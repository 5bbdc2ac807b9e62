//! Nodes that start together, and changes of the schema that reach all of them.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_and_reach_all_nodes() {
    let world = World::start(None).await;
    let nodes: [_; 3] = world.nodes();
    for node in &nodes {
        node.serves("/rest/v1/notes").await;
    }
    world.comes_to("select count(*) from supabase_migrations.schema_migrations", "1").await;

    world.session.script("create table by_hand (id integer primary key)").await;
    for node in &nodes {
        node.serves("/rest/v1/by_hand").await;
    }
    world.project.write("migrations/0002_more.sql", "create table more (id integer primary key);");
    let environment = [("BASALT_DATABASE__URL", world.database())];
    let said = world.project.run_with(&["migrate", "up"], &environment);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for node in &nodes {
        node.serves("/rest/v1/more").await;
    }
}
