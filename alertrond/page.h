/* page.h: the status page, as the build puts it into the program: page.html, page.css, page.js. */
#ifndef ALERTROND_PAGE_H
#define ALERTROND_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[], page_css[], page_js[];
extern const size_t page_html_bytes, page_css_bytes, page_js_bytes;

#endif
