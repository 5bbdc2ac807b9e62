//! The schema `storage`, as the migrations and seeds of Supabase's projects rely on it: buckets, rows of files, and policies over them.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

const ADA: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";

/// What such folders hold.
const FOLDER: &str = r#"
insert into storage.buckets (id, name) values ('avatars', 'avatars');
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
  values ('photos', 'photos', true, 1048576, array['image/png', 'image/*']) on conflict (id) do nothing;
INSERT INTO "storage"."buckets" ("id", "name", "public") VALUES ('avatars', 'avatars', true), ('photos', 'photos', false)
  ON CONFLICT (id) DO UPDATE SET public = EXCLUDED.public;
insert into storage.buckets (id, name, type) select 'old', 'old', 'STANDARD'::storage.buckettype where not exists (select 1 from storage.buckets where id = 'old');
update storage.buckets set avif_autodetection = false, allowed_mime_types = '{text/plain}' where id = 'old';

alter table storage.objects enable row level security;
drop policy if exists "Avatar images are publicly accessible." on storage.objects;
create policy "Avatar images are publicly accessible." on storage.objects for select using (bucket_id = 'avatars');
create policy "Users upload pictures to their own folder" on storage.objects for insert to authenticated with check (
  bucket_id = 'photos' and (storage.foldername(name))[1] = auth.uid()::text and lower(storage.extension(name)) in ('png', 'jpg'));
create policy "Users see their own folder" on storage.objects for select to authenticated
  using (bucket_id = 'photos' and (select auth.uid())::text = (storage.foldername(name))[1]);
create policy "Users update their own files" on "storage"."objects" as permissive for update to authenticated
  using ((select auth.uid()) = owner) with check (bucket_id = 'photos');
create policy "Users delete their own files" on storage.objects for delete using (owner_id = (select auth.jwt() ->> 'sub'));
create policy "Public buckets are seen" on storage.buckets for select to anon, authenticated using (public);

create table profiles (id uuid primary key, avatar_id uuid references storage.objects (id) on delete set null);
create table uploads (path text, file text, of_bucket text references storage.buckets (id));
create function noted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.uploads values (new.name, storage.filename(new.name), new.bucket_id);
  return new;
end $$;
create trigger noted after insert on storage.objects for each row execute function noted();
insert into storage.objects (id, bucket_id, name, metadata)
  values ('33333333-3333-4333-8333-333333333333', 'avatars', 'a/b/face.png', '{"size": 3}');
insert into profiles values ('11111111-1111-4111-8111-111111111111', '33333333-3333-4333-8333-333333333333');
"#;

/// What a version without the schema's tables left behind.
const BEFORE: &str = "drop table storage.objects, storage.buckets; drop function storage.foldername(text), storage.extension(text), storage.filename(text);
    drop type storage.buckettype; delete from basalt.service_migrations where service = 'storage';";

async fn server() -> Server {
    Server::start_with(FOLDER, |config| config.api.schemas = vec!["public".into(), "storage".into()]).await
}

/// The number of rows that a request sees or writes.
async fn rows(server: &Server, method: Method, path: &str, user: &str) -> usize {
    let profile = if method == Method::GET { "accept-profile" } else { "content-profile" };
    let ask = server.ask(method, path).header(profile, "storage").prefer("return=representation");
    let answer = ask.user(user).json(&json!({"version": "2"})).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supabase_folder_s_buckets_and_policies_are_taken() {
    let server = server().await;
    let buckets = "/buckets?select=id,public,file_size_limit,allowed_mime_types,type&order=id";
    let seen = json!({"id": "avatars", "public": true, "file_size_limit": null, "allowed_mime_types": null, "type": "STANDARD"});
    server.get(buckets).header("accept-profile", "storage").expect(200, json!([seen])).await;
    let all = server.get(buckets).header("accept-profile", "storage").service().send().await.json();
    assert_eq!(all[1]["allowed_mime_types"], json!(["text/plain"]));
    assert_eq!(all[2]["file_size_limit"], 1_048_576);

    let objects = "/objects?select=name,path_tokens,metadata";
    let face = json!([{"name": "a/b/face.png", "path_tokens": ["a", "b", "face.png"], "metadata": {"size": 3}}]);
    server.get(objects).header("accept-profile", "storage").expect(200, face).await;

    let upload = async |user: &str, bucket: &str, name: &str| {
        let row = json!({"bucket_id": bucket, "name": name, "owner": user, "owner_id": user});
        server.post("/objects", &row).header("content-profile", "storage").user(user).send().await
    };
    let own = format!("{ADA}/one.PNG");
    assert_eq!(upload(ADA, "photos", &own).await.status, 201);
    let again = upload(ADA, "photos", &own).await;
    assert_eq!((again.status, again.text("/code").as_str()), (409, "23505"));
    assert!(again.text("/message").contains("bucketid_objname"), "{}", again.body);
    for (user, bucket, name) in [
        (BOB, "photos", own.as_str()),
        (ADA, "avatars", "face.png"),
        (ADA, "photos", "one.png"),
        (ADA, "photos", &format!("{ADA}/one.exe")),
        (ADA, "photos", &format!("{ADA}/gif")),
    ] {
        let refused = upload(user, bucket, name).await;
        assert_eq!((refused.status, refused.text("/code").as_str()), (403, "42501"), "{name}");
    }
    server
        .post("/objects", &json!({"name": "x"}))
        .header("content-profile", "storage")
        .expect_error(401, "42501")
        .await;
    assert_eq!(
        server.value("select json_agg(u order by path) as value from uploads u").await,
        json!([
            {"path": own, "file": "one.PNG", "of_bucket": "photos"},
            {"path": "a/b/face.png", "file": "face.png", "of_bucket": "avatars"},
        ])
    );

    for (user, count) in [(ADA, 2), (BOB, 1)] {
        assert_eq!(rows(&server, Method::GET, "/objects", user).await, count, "{user}");
    }
    for (user, count) in [(BOB, 0), (ADA, 1)] {
        assert_eq!(rows(&server, Method::PATCH, "/objects?bucket_id=eq.photos", user).await, count, "{user}");
        assert_eq!(rows(&server, Method::DELETE, "/objects?bucket_id=eq.photos", user).await, count, "{user}");
    }
    server.script("delete from storage.objects").await;
    assert_eq!(server.value("select avatar_id as value from profiles").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_paths_are_told_as_by_supabase() {
    let server = Server::start("").await;
    for (path, parts) in [
        ("'a/b/c.tar.gz'", json!([["a", "b"], "c.tar.gz", "gz"])),
        ("'c.png'", json!([[], "c.png", "png"])),
        ("'a/'", json!([["a"], "", ""])),
        ("'/x'", json!([[""], "x", "x"])),
        ("''", json!([null, null, null])),
        ("null", json!([null, null, null])),
    ] {
        let call = |function: &str| format!("storage.{function}({path})");
        let (folders, name, extension) = (call("foldername"), call("filename"), call("extension"));
        let sql = format!("select json_build_array(to_json({folders}), {name}, {extension}) as value");
        assert_eq!(server.value(&sql).await, parts, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_schema_nor_files_are_served_unasked() {
    let server = Server::start(FOLDER).await;
    server.get("/buckets").header("accept-profile", "storage").service().expect_error(406, "PGRST106").await;
    for path in ["/storage/v1/bucket", "/storage/v1/object/public/avatars/a/b/face.png"] {
        server.raw(Method::GET, path).service().expect_error(404, "BST003").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_project_gets_the_tables_and_one_s_own_stay() {
    let mut server = Server::start("create table notes (id int); insert into notes values (7)").await;
    server.script(BEFORE).await;
    server = server.begin_anew(|_| ()).await;
    server.script(FOLDER).await;
    assert_eq!(
        server.value("select json_build_array(n.id, b.id) as value from notes n, storage.buckets b where public").await,
        json!([7, "avatars"])
    );
    server = server.begin_anew(|_| ()).await;
    assert_eq!(server.value("select count(*) as value from storage.buckets").await, 3);

    server.script("drop table uploads, profiles").await;
    server.script(BEFORE).await;
    server.script("create table storage.buckets (id text primary key, colour text); insert into storage.buckets values ('mine', 'red')").await;
    for _ in 0..2 {
        server = server.begin_anew(|_| ()).await;
        assert_eq!(
            server.value("select to_json(b) as value from storage.buckets b").await,
            json!({"id": "mine", "colour": "red"})
        );
        assert!(server.database.catalog().relation("storage", "objects").is_none());
    }
}
