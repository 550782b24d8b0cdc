"""The original system: Flask's own signed session cookie, served by gunicorn."""

import os
import time

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
TOKEN = "t" * 180


@app.get("/sign-in")
def sign_in():
    session.permanent = True
    session.update(request.args.to_dict())
    return {}


@app.get("/api/clips/<clip>/url")
def clip_url(clip):
    if "id_token" not in session:
        return {"code": "sign_in_required"}, 401
    return jsonify(
        url=f"/media/{clip}.mp4?token={TOKEN}",
        poster_url=f"/media/{clip}.jpg?token={TOKEN}",
        expires_at=int(time.time()) + 300,
        instance="bench",
    )
