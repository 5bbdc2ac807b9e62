//! How the query string is read, and what is said of one that can't be (contract: sections 2 to 6).

use serde_json::json;

use crate::world::{reads, server};

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_right() {
    let server = server().await;
    reads(
        &server,
        &[
            // Parameters: `;` separates too, `+` is a space, the first `select` and the last `limit` count.
            ("/actors?select=id;id=eq.1", r#"[{"id":1}]"#),
            ("/Odd%20name?select=a+b", r#"[{"a b":"spaced"}]"#),
            ("/actors?select=id&limit=2&limit=1&order=id", r#"[{"id":1}]"#),
            ("/actors?select=id&order=name.desc&order=id&limit=1", r#"[{"id":2}]"#),
            ("/actors?select&id=eq.1", r#"[{"id":1,"name":"Helm"}]"#),
            ("/actors?select=%20id%20,%20name&id=eq.1", r#"[{"id":1,"name":"Helm"}]"#),
            // A key's end is not looked at, nor that of `is` and `in`.
            ("/actors?select=id&id)x=eq.1", r#"[{"id":1}]"#),
            ("/actors?select=id&id=in.(1)zzz", r#"[{"id":1}]"#),
            ("/films?select=id&data=is.nullzzz&order=id", "[{\"id\":3}\n{\"id\":4}]"),
            // Quoted names, with escapes.
            ("/Odd%20name?select=id&\"x,y\"=eq.comma", r#"[{"id":1}]"#),
            ("/Odd%20name?select=id&\"\\x,y\"=eq.comma", r#"[{"id":1}]"#),
            ("/actors?select=\"an alias\":id&id=eq.1", r#"[{"an alias":1}]"#),
            ("/Odd%20name?select=\"a b\"&or=(\"a b\".eq.spaced,id.eq.9)", r#"[{"a b":"spaced"}]"#),
            // Keys of JSON paths: negative indexes, quoted keys, digits that are no index.
            ("/films?select=data->\"a\"->b->>-1&id=eq.1", r#"[{"b":"20"}]"#),
            ("/films?select=data->3&id=eq.1", r#"[{"data":null}]"#),
            ("/films?select=id&data->a->b->1=eq.20", r#"[{"id":1}]"#),
            ("/films?select=id&data->>n=in.(1,5)", r#"[{"id":1}]"#),
            ("/films?select=id&order=data->>n.desc.nullslast,id&limit=1", r#"[{"id":2}]"#),
            // Casts of several words, of paths and of columns twice.
            ("/kinds?select=small::double precision", r#"[{"small":7}]"#),
            ("/films?select=data->n::text&id=eq.1", r#"[{"n":"1"}]"#),
            ("/films?select=*,id::text&id=eq.4", r#"[{"id":4,"title":"Lost","director_id":null,"released":null,"rating":null,"tags":null,"data":null,"mood":null,"id":"4"}]"#),
            // Values: the whole rest in a filter, unquoted in trees, braces bare, everything else quoted.
            ("/actors?select=id&name=eq.Helm,x", "[]"),
            ("/actors?select=id&or=(name.eq.\"Helm\",id.eq.9)", r#"[{"id":1}]"#),
            ("/films?select=id&or=(tags.cs.{city,silent},tags.eq.{})&order=id", "[{\"id\":1}\n{\"id\":3}]"),
            ("/films?select=id&and=(title.in.(\"M\",\"a)b\"),id.gt.0)", r#"[{"id":2}]"#),
            ("/films?select=id&or=(not.and(id.gt.1,id.lt.9),id.eq.2)&order=id", "[{\"id\":1}\n{\"id\":2}]"),
            ("/films?select=id&not.and=(id.gt.1,id.lt.4)&order=id", "[{\"id\":1}\n{\"id\":4}]"),
            ("/films?select=id&id=gt.1&id=lt.4&or=(id.eq.2,id.eq.4)", r#"[{"id":2}]"#),
            ("/films?select=id&title=in.(\"M\",Los\"t)", r#"[{"id":2}]"#),
            ("/films?select=id&title=in.(\"\")", "[]"),
            ("/films?select=id&title=eq.null", "[]"),
            ("/films?select=id&id=not.in.(1,2,3)", r#"[{"id":4}]"#),
            ("/films?select=id&title=not.like(any).{M*,S*}", r#"[{"id":4}]"#),
            ("/films?select=id&rating=gt(any).{8.2,9}&order=id", "[{\"id\":1}\n{\"id\":2}]"),
            ("/films?select=id&title=match(any).{^S,^L}&order=id", "[{\"id\":3}\n{\"id\":4}]"),
            ("/kinds?select=id&yes=is.true", r#"[{"id":1}]"#),
            ("/kinds?select=id&yes=is.unknown", "[]"),
            ("/kinds?select=id&yes=not.is.FALSE", r#"[{"id":1}]"#),
            ("/films?select=id&title=phfts(simple).metropolis", r#"[{"id":1}]"#),
            ("/films?select=id&data->>a=not.is.null", r#"[{"id":1}]"#),
            // Computed fields wherever columns are.
            ("/films?select=shout&order=shout.desc&limit=1", r#"[{"shout":"SUNRISE"}]"#),
            ("/films?select=id&or=(shout.eq.M,shout.like.LO*)&order=id", "[{\"id\":2}\n{\"id\":4}]"),
            ("/directors?select=id,films(shout)&films.shout=eq.M&id=eq.1", r#"[{"id":1,"films":[{"shout": "M"}]}]"#),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_told_with_its_place() {
    let server = server().await;
    let mut wrong = Vec::new();
    for (query, message) in [
        ("noop=0", "\"failed to parse filter (0)\" (line 1, column 1)"),
        ("id=noop.0", "\"failed to parse filter (noop.0)\" (line 1, column 1)"),
        ("id=not.noop.0", "\"failed to parse filter (not.noop.0)\" (line 1, column 5)"),
        ("id=in.1", "\"failed to parse filter (in.1)\" (line 1, column 4)"),
        ("select=id,,name", "\"failed to parse select parameter (id,,name)\" (line 1, column 4)"),
        ("select=id,", "\"failed to parse select parameter (id,)\" (line 1, column 4)"),
        ("order=id.up", "\"failed to parse order (id.up)\" (line 1, column 4)"),
        ("or=()", "\"failed to parse logic tree (())\" (line 1, column 4)"),
        ("and=(id.eq.1", "\"failed to parse logic tree ((id.eq.1)\" (line 1, column 12)"),
        ("columns=id,,name", "\"failed to parse columns parameter (id,,name)\" (line 1, column 4)"),
        ("on_conflict=a,,b", "\"failed to parse on_conflict parameter (a,,b)\" (line 1, column 3)"),
    ] {
        let error = server.post(&format!("/actors?{query}"), &json!({})).service().send().await.json();
        let details = error["details"].as_str().unwrap_or_default();
        if error["code"] != "PGRST100" || error["message"] != message || !details.contains("unexpected") {
            wrong.push(format!("{query}\n  expected {message}\n  found    {error}"));
        }
    }
    let operator = server.get("/actors?id=noop.0").service().send().await.json();
    assert_eq!(operator["details"], "unexpected \"o\" expecting \"not\" or operator (eq, gt, ...)");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_that_can_not_be() {
    let server = server().await;
    let negative = server.get("/films?limit=-1").service().expect_error(416, "PGRST103").await.json();
    assert_eq!(negative["message"], "Requested range not satisfiable");
    assert_eq!(negative["details"], "Limit should be greater than or equal to zero.");
    let reversed = server.get("/films").service().header("range", "5-2").expect_error(416, "PGRST103").await.json();
    let lower = "The lower boundary must be lower than or equal to the upper boundary in the Range header.";
    assert_eq!(reversed["details"], lower);
    // Whatever is no range is ignored; a range and limits are intersected; only GET heeds it.
    let get = |range: &str| server.get("/films?select=id&order=id").service().header("range", range);
    for range in ["x", "items=0-1", "-1", "1", "0 - 1"] {
        let whole = get(range).send().await;
        assert_eq!((whole.status, whole.header("content-range")), (200, "0-3/*"), "{range}");
    }
    let both = server.get("/films?select=id&order=id&offset=1&limit=5").service().header("range", "0-1");
    both.expect(200, json!([{"id": 2}])).await;
    let unit = get("0-0").header("range-unit", "bytes").send().await;
    assert_eq!(unit.header("content-range"), "0-0/*");
    let post = server.post("/rpc/best?select=id&order=id", &json!({})).service().header("range", "0-0");
    post.expect(200, json!([{"id": 1}, {"id": 2}, {"id": 3}])).await;
}
