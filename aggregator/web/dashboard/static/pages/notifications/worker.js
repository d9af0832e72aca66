// The service worker of Web Push. It shows messages and opens the alert; it stores nothing and answers no requests.

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", event => {
  let message = {};
  try {
    message = event.data?.json() || {};
  } catch {
    // a message that is not ours is shown without its content
  }
  const text = value => (typeof value === "string" ? value : "");
  event.waitUntil(self.registration.showNotification(text(message.title) || "Paifang", {
    body: text(message.body), tag: text(message.tag), renotify: Boolean(message.tag), data: { url: text(message.url) },
  }));
});

self.addEventListener("notificationclick", event => {
  event.notification.close();
  let address = new URL("/", self.location.origin);
  try {
    const wanted = new URL(event.notification.data?.url || "/", self.location.origin);
    if (wanted.origin === self.location.origin) address = wanted;
  } catch {
    // the queue is opened instead
  }
  event.waitUntil(self.clients.openWindow(address.href));
});
