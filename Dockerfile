# The page on a CPU, 2 GB: docker build -t atelier . && docker run --read-only --tmpfs /tmp -p 7860:7860 atelier
FROM python:3.12-slim-bookworm

WORKDIR /atelier
COPY packages.txt requirements.txt ./
# PyTorch's own index has a build without CUDA, which is 4 GB smaller. cryptography opens weights with ATELIER_WEIGHTS_KEY.
# hadolint ignore=DL3008,DL3013,SC2046
RUN apt-get update \
    && apt-get install -y --no-install-recommends $(cat packages.txt) \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -r requirements.txt "cryptography>=44" \
    && useradd --uid 1000 atelier
COPY app.py ./
COPY editing editing
COPY weights weights
RUN python -m compileall -q editing

USER 1000
# Everything that is written goes to /tmp, so that the rest may be read-only.
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_TEMP_DIR=/tmp/gradio ATELIER_CACHE=/tmp/atelier HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as web; port = os.getenv('GRADIO_SERVER_PORT', '7860'); web.urlopen('http://127.0.0.1:' + port + '/healthz', timeout=4)"]
CMD ["python", "app.py"]
