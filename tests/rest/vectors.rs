//! The type `vector` over HTTP, on the embedded engine: on PostgreSQL it is pgvector's, which a machine may lack.

use basalt_tests::Server;
use serde_json::json;

const SCHEMA: &str = "
create extension if not exists vector with schema extensions;
create table documents (
    id bigint generated always as identity primary key,
    content text,
    embedding extensions.vector(3)
);
create index on documents using hnsw (embedding vector_cosine_ops);
create function match_documents(query_embedding extensions.vector(3), match_threshold float, match_count int)
    returns table (id bigint, content text, similarity float) language sql stable as $$
        select documents.id, documents.content, 1 - (documents.embedding <=> query_embedding) as similarity
        from documents
        where 1 - (documents.embedding <=> query_embedding) > match_threshold
        order by documents.embedding <=> query_embedding
        limit match_count
    $$;
create function similar_to(embedding extensions.vector) returns setof documents language sql stable as $$
    select * from documents d order by d.embedding <-> similar_to.embedding
    $$;
alter table documents enable row level security;
create policy own on documents using (content <> 'hidden');
insert into documents (content, embedding) values ('north', '[0,1,0]'), ('east', '[1,0,0]'), ('hidden', '[0,1,0]');
";

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_strings_in_answers_and_strings_or_arrays_in_bodies() {
    let server = Server::start_embedded(SCHEMA, |_| {}).await;
    server
        .get("/documents?select=embedding&order=id")
        .expect(200, json!([{"embedding": "[0,1,0]"}, {"embedding": "[1,0,0]"}]))
        .await;
    for value in [json!([0.5, 1, -2e-7]), json!("[0.5, 1,-2e-7]")] {
        let body = json!({"content": "new", "embedding": value});
        let expected = json!([{"embedding": "[0.5,1,-2e-07]"}]);
        server.post("/documents?select=embedding", &body).prefer("return=representation").expect(201, expected).await;
    }
    let answer =
        server.post("/documents", &json!({"content": "flat", "embedding": [1, 2]})).expect_error(400, "22000").await;
    assert_eq!(answer.json()["message"], "expected 3 dimensions, not 2");
    server.post("/documents", &json!({"content": "odd", "embedding": ["a"]})).expect_error(400, "22P02").await;
    server.get("/documents?select=content&embedding=eq.[1,0,0]").expect(200, json!([{"content": "east"}])).await;
    server
        .get("/documents?select=content&embedding=gt.[0,1,0]&content=eq.east")
        .expect(200, json!([{"content": "east"}]))
        .await;
    server.get("/documents?embedding=eq.[1,x]").expect_error(400, "22P02").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_finds_the_nearest_rows_that_its_caller_may_see() {
    let server = Server::start_embedded(SCHEMA, |_| {}).await;
    let found = json!([{"id": 1, "content": "north", "similarity": 1}]);
    for embedding in [json!([0, 1, 0]), json!("[0,1,0]")] {
        let body = json!({"query_embedding": embedding, "match_threshold": 0.5, "match_count": 5});
        server.post("/rpc/match_documents", &body).expect(200, found.clone()).await;
    }
    server
        .get("/rpc/match_documents?query_embedding=[0,1,0]&match_threshold=0.5&match_count=5")
        .expect(200, found)
        .await;
    server
        .post("/rpc/similar_to?select=content&limit=1", &json!({"embedding": [1, 0.1, 0]}))
        .expect(200, json!([{"content": "east"}]))
        .await;
    let body = json!({"query_embedding": [1], "match_threshold": 0.5, "match_count": 5});
    server.post("/rpc/match_documents", &body).expect_error(400, "22000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_shows_vectors_as_strings() {
    let server = Server::start_embedded(SCHEMA, |_| {}).await;
    let column = &server.get("/").send().await.json()["definitions"]["documents"]["properties"]["embedding"];
    assert_eq!((&column["type"], &column["format"]), (&json!("string"), &json!("vector")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_comes_with_its_extension() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let options = basalt_db::Options { data_dir: folder.path().to_owned(), ..basalt_db::Options::default() };
    let database = basalt_db::Database::open(options).expect("opens");
    let run = |sql: &'static str| database.run_script(sql, |_| {});
    let refused = run("create table t (v vector(3))").await.expect_err("no extension").error;
    assert_eq!((refused.code(), refused.message()), ("42704", "type \"vector\" does not exist"));
    assert_eq!(refused.hint(), Some("Create the extension first: create extension vector;"));
    run("create extension vector; create table t (v vector(3))").await.expect("creates");
    assert_eq!(run("drop extension vector").await.expect_err("used").error.code(), "2BP01");
    run("drop table t; drop extension vector").await.expect("drops");
}
