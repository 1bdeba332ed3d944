/** What is served when no application is named. */
export const application = {
  fetch(): Response {
    return new Response('Hello, World!\n');
  },
};
