/** A button that takes a file. */

export function FileButton({ label, accept, take }: { label: string; accept: string; take: (file: File) => void }) {
  return (
    <label class="button">
      {label}
      <input
        class="sr"
        type="file"
        accept={accept}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file !== undefined) {
            take(file);
          }
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}
