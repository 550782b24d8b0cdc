"""The original system: Flask's own signed session cookie, served by gunicorn."""

import os

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")


@app.get("/sign-in")
def sign_in():
    session.permanent = True
    session.update(request.args.to_dict())
    return {}


@app.get(os.environ["API_PATH"])
def answer():
    if "user_id" not in session:
        return {"code": "sign_in_required"}, 401
    return jsonify(data=None, instance="bench")
