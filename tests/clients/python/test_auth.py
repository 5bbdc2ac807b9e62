"""Sign-up, sign-in, refresh and rows under a policy, through the published `supabase` package.

The server is at URL, its key is ANON_KEY.
"""

import os
import unittest
import uuid

from supabase import Client, create_client
from supabase_auth.errors import AuthApiError, AuthSessionMissingError

PASSWORD = "Correct-horse-7"


def application() -> Client:
    return create_client(os.environ["URL"], os.environ["ANON_KEY"])


def signed_up() -> tuple[Client, str]:
    app, email = application(), f"{uuid.uuid4()}@example.com"
    answer = app.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}})
    assert answer.session is not None
    return app, email


class Auth(unittest.TestCase):
    def test_sign_up_and_sign_in(self):
        app, email = signed_up()
        user = app.auth.get_user().user
        self.assertEqual((user.email, user.role, user.user_metadata["name"]), (email, "authenticated", "Ada"))
        self.assertEqual(user.identities[0].provider, "email")

        again = application()
        answer = again.auth.sign_in_with_password({"email": email, "password": PASSWORD})
        self.assertEqual((answer.user.id, answer.session.token_type), (user.id, "bearer"))
        self.assertEqual(again.auth.get_claims()["claims"]["sub"], user.id)

    def test_errors_have_their_codes(self):
        _, email = signed_up()
        with self.assertRaises(AuthApiError) as wrong:
            application().auth.sign_in_with_password({"email": email, "password": "wrong password"})
        self.assertEqual((wrong.exception.status, wrong.exception.code), (400, "invalid_credentials"))
        with self.assertRaises(AuthApiError) as taken:
            application().auth.sign_up({"email": email, "password": PASSWORD})
        self.assertEqual((taken.exception.status, taken.exception.code), (422, "user_already_exists"))

    def test_refresh_and_set_session(self):
        app, email = signed_up()
        before = app.auth.get_session()
        after = app.auth.refresh_session().session
        self.assertNotEqual(before.refresh_token, after.refresh_token)
        self.assertEqual(after.user.email, email)
        other = application()
        other.auth.set_session(after.access_token, after.refresh_token)
        self.assertEqual(other.auth.get_user().user.email, email)
        with self.assertRaises(AuthApiError) as unknown:
            application().auth.refresh_session("unknown")
        self.assertEqual(unknown.exception.code, "refresh_token_not_found")

    def test_rows_are_those_of_the_user(self):
        ada, _ = signed_up()
        bob, _ = signed_up()
        note = ada.table("notes").insert({"body": "mine"}).execute().data[0]
        self.assertEqual(note["owner"], ada.auth.get_user().user.id)
        self.assertEqual([row["body"] for row in ada.table("notes").select("body").execute().data], ["mine"])
        self.assertEqual(bob.table("notes").select("*").execute().data, [])
        self.assertEqual(application().table("notes").select("*").execute().data, [])

    def test_sign_out(self):
        app, _ = signed_up()
        token = app.auth.get_session().access_token
        app.auth.sign_out()
        self.assertIsNone(app.auth.get_session())
        with self.assertRaises((AuthApiError, AuthSessionMissingError)):
            application().auth.get_user(token)


if __name__ == "__main__":
    # Of the libraries beneath the client.
    unittest.main(warnings="ignore")
