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

/// What no transaction may hold is done once too, however long it takes, and nobody waits in a way that it would wait for.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_made_concurrently_is_made_once() {
    const UNDER_WAY: &str =
        "select count(*) from pg_stat_activity where query like 'create index concurrently%' and state = 'active'";
    let world = World::start(None).await;
    world.node().server.terminate();
    world.project.write("migrations/0002_index.sql", "create index concurrently notes_body on notes (body);");
    world.project.write("migrations/0003_more.sql", "create table more (id integer primary key);");
    // Its writer is waited for.
    let writer = world.cluster.connect_to("project").await;
    writer.script("begin; insert into notes values (1, 'x')").await;
    let starting = std::thread::scope(|scope| {
        let nodes = [(); 3].map(|()| scope.spawn(|| world.node()));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                world.comes_to(UNDER_WAY, "1").await;
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                world.comes_to(UNDER_WAY, "1").await;
                writer.script("commit").await;
            });
        });
        nodes.map(|node| node.join().expect("a node"))
    });
    for node in &starting {
        node.serves("/rest/v1/more").await;
    }
    world.comes_to("select count(*) from supabase_migrations.schema_migrations", "3").await;
    world.comes_to("select indisvalid::text from pg_index where indexrelid = 'notes_body'::regclass", "true").await;
}
