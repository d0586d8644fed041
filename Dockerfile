# Syncadmin in a container: `docker compose up` (compose.yaml) runs it with a worker and PostgreSQL.
# Runs as nobody in particular, and writes to DATA_DIR=/data and /tmp only: its file system may be read-only.

# The Python that the tests run with. Packages come by the hashes of the lock file, all ready-built.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --requirement /requirements.lock

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 syncadmin \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin syncadmin \
 && install --directory --mode=700 --owner=syncadmin --group=syncadmin /data /data/files /data/uploads
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEBUG=0 \
    ENV_FILE= \
    DATA_DIR=/data
WORKDIR /app
COPY manage.py LICENSE ./
COPY static static
COPY templates templates
COPY syncadmin syncadmin
COPY destinations destinations
COPY syncs syncs
# Collecting the static files needs settings, thus keys: made here, thrown away here.
RUN DATA_DIR=/tmp/build ALLOWED_HOSTS=localhost \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    ENCRYPTION_KEYS="$(python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
    python manage.py collectstatic --noinput --verbosity 0 \
 && rm -r /tmp/build \
 && python -m compileall -q manage.py syncadmin destinations syncs
USER 10001:10001
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "up", "--address", "0.0.0.0"]
