# One image for the desk: the gateway and the trader are two commands in it (docker-compose.yml). No package is compiled
# from source, so no compiler is needed. The first stage keeps pip and its files out of the image.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
LABEL org.opencontainers.image.title="paperdesk packages"
COPY requirements/base.lock /tmp/base.lock
# The tests of the packages, a tenth of their size, are deleted. Byte code is compiled here, because the root file
# system of a container is read-only, so that every start would have to compile it.
RUN python3 -m venv --without-pip /opt/paperdesk/.venv \
 && python3 -m pip --python /opt/paperdesk/.venv/bin/python install \
      --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --only-binary :all: -r /tmp/base.lock \
 && find /opt/paperdesk/.venv -type d \( -name tests -o -name test \) -path '*/site-packages/*' \
      -not -path '*/numba/testing*' -prune -exec rm -rf {} + \
 && /opt/paperdesk/.venv/bin/python -m compileall -q -j 0 /opt/paperdesk/.venv/lib

FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="paperdesk" \
      org.opencontainers.image.description="A paper-trading desk: simulated gateway, signal, portfolio, execution" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 paperdesk \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin paperdesk
WORKDIR /opt/paperdesk
COPY --from=packages /opt/paperdesk/.venv .venv
# .dockerignore determines which files are copied.
COPY . .
# The programs are those of supervisord.conf, except that their logs are written to the container's log, not to files.
# The watchdog's stdout is excluded, because it is the connection to supervisord and not a log.
RUN sed -E -e 's|^(std...)_logfile=%.*|\1_logfile=/dev/fd/1|' -e 's|^(std...)_logfile_maxbytes=.*|\1_logfile_maxbytes=0|' \
      -e '/^std..._logfile_backups=/d' -e 's|^logfile=.*|logfile=/dev/null|' -e 's|^logfile_maxbytes=.*|logfile_maxbytes=0|' \
      -e '/^logfile_backups=/d' supervisord.conf > supervisord.container.conf \
 && .venv/bin/python -m compileall -q -x '\.venv' . \
 && echo /opt/paperdesk > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/paperdesk.pth" \
 && printf '#!/opt/paperdesk/.venv/bin/python\nfrom cli.main import main\nmain()\n' > .venv/bin/paperdesk \
 && chmod 0755 .venv/bin/paperdesk \
 && mkdir -p var/data var/run var/log \
 && chown -R paperdesk:paperdesk var && chmod -R 0700 var
ENV PATH=/opt/paperdesk/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PAPERDESK_REVISION=${REVISION} \
    NUMBA_CACHE_DIR=/opt/paperdesk/var/data/numba
USER 10001:10001
VOLUME /opt/paperdesk/var/data
STOPSIGNAL SIGTERM
CMD ["supervisord", "-n", "-c", "/opt/paperdesk/supervisord.container.conf"]
